// The form of an artifact. While somebody writes in it, it stays as it is, and keeps the version that they saw: what others
// write meanwhile is never written over.

import { fields, told } from "./acts.js";
import { refresh } from "./live.js";
import { restage } from "./page.js";

const isForm = (element) => element?.id === "artifact-form";

document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (isForm(form)) form.dataset.keep = "";
});
document.addEventListener("reset", (event) => {
  if (!isForm(event.target)) return;
  release(event.target);
});
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!isForm(form)) return;
  event.preventDefault();
  const { artifact: path, generation, version, whole } = form.dataset;
  const problem = form.querySelector(".problem");
  const button = event.submitter ?? form.querySelector("[type=submit]");
  problem.textContent = "";
  button.disabled = true;
  try {
    const found = fields(form);
    const artifact = whole === undefined ? found : found.artifact;
    await restage.request("PUT", path, { body: { generation: Number(generation), version: Number(version), artifact } });
    release(form);
    document.getElementById("edit").open = false;
    document.querySelector("#edit > summary").focus();
  } catch (error) {
    problem.textContent = error.status === undefined ? error.message : told(error);
  } finally {
    button.disabled = false;
  }
});

/** From now on it is what the server says. @param {HTMLFormElement} form */
function release(form) {
  form.removeAttribute("data-keep");
  form.querySelector(".problem").textContent = "";
  refresh();
}
