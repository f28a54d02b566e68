// Buttons and forms that say what they ask of the server: by the same routes that programs use.
//
//   <button data-post="/v1/..." data-body='{"a":1}' data-doing="Saving...">        also data-put, data-delete
//   <form data-post="/v1/...">                its named fields are the members of the body; what is empty is left out
//       data-goto="/ui/workshops/{id}"        where to go afterwards, with members of the answer
//       data-type="number" | "lines" | "json" | "boolean" on a field, where it is no text
//   <button data-verb="/v1/..." data-title="Reset plan?" data-do="Reset" data-doing="Resetting...">   see verbs.js

import { element, showBar } from "./bars.js";
import { refresh } from "./live.js";
import { openVerb } from "./verbs.js";

/** @param {import("./restage.js").Restage} restage */
export function listen(restage) {
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button[data-post], button[data-put], button[data-delete], button[data-verb]");
    if (!button || button.disabled) return;
    event.preventDefault();
    closeMenu(button);
    if (button.dataset.verb) openVerb(restage, button);
    else act(restage, button, button, body(button));
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-post], form[data-put], form[data-delete]")) return;
    event.preventDefault();
    const button = event.submitter ?? form.querySelector("button");
    try {
      act(restage, form, button, { ...body(form), ...fields(form) });
    } catch (error) {
      complain(form, error.message);
    }
  });
}

/** A menu closes when something of it is chosen. */
function closeMenu(button) {
  const menu = button.closest("details.menu");
  if (menu) menu.open = false;
}

/** What `data-body` says. @param {HTMLElement} of */
export function body(of) {
  return of.dataset.body ? JSON.parse(of.dataset.body) : {};
}

/** The named fields, as JSON has them. @param {HTMLElement} of @returns {Record<string, any>} */
export function fields(of) {
  const found = {};
  for (const field of of.querySelectorAll("[name]")) {
    if (field.disabled || (field.type === "radio" && !field.checked)) continue;
    const { name, value } = field;
    const type = field.dataset.type ?? (field.type === "checkbox" ? "boolean" : field.type === "number" ? "number" : "text");
    if (field.type === "checkbox") found[name] = field.checked;
    else if (value === "") continue;
    else if (type === "boolean") found[name] = value === "true";
    else if (type === "number") found[name] = Number(value);
    else if (type === "lines") found[name] = value.split("\n").map((line) => line.trim()).filter(Boolean);
    else if (type === "json") found[name] = read(field);
    else found[name] = value;
  }
  return found;
}

function read(field) {
  try {
    return JSON.parse(field.value);
  } catch (error) {
    throw new Error(`${field.labels?.[0]?.textContent ?? field.name} is no JSON: ${error.message}`);
  }
}

/**
 * Asks the server, with the button saying so, and tells what went wrong beside it.
 *
 * @param {import("./restage.js").Restage} restage @param {HTMLElement} of @param {HTMLButtonElement} button
 * @param {Record<string, any>} sent
 */
async function act(restage, of, button, sent) {
  const [method, path] = asked(of);
  const label = button.textContent;
  complain(of, "");
  button.disabled = true;
  if (of.dataset.doing) button.textContent = of.dataset.doing;
  try {
    const answer = await restage.request(method, path, { body: method === "DELETE" ? undefined : sent });
    if (of.tagName === "FORM") of.reset();
    closeMenu(of);
    of.dispatchEvent(new CustomEvent("restage:done", { bubbles: true, detail: answer }));
    if (of.dataset.goto) location.assign(filled(of.dataset.goto, answer.body));
    else refresh();
  } catch (problem) {
    complain(of, told(problem));
  } finally {
    button.disabled = false;
    button.textContent = label;
  }
}

/** @param {HTMLElement} of @returns {[string, string]} */
function asked(of) {
  const { post, put } = of.dataset;
  if (post) return ["POST", post];
  return put ? ["PUT", put] : ["DELETE", of.dataset.delete];
}

/** `/ui/x/{id}` with members of an answer. @param {string} pattern @param {any} answer */
export function filled(pattern, answer) {
  return pattern.replace(/\{([a-z_]+)\}/g, (_, name) => encodeURIComponent(answer?.[name] ?? ""));
}

/** A problem in words. @param {any} problem */
export function told(problem) {
  return problem.hint ? `${problem.message}. To do: ${problem.hint}.` : `${problem.message}.`;
}

/** Says beside a button or in a form what is wrong; with nothing to say, takes it away. @param {HTMLElement} of */
function complain(of, text) {
  const inside = of.tagName === "FORM" ? of : of.parentElement;
  inside.querySelector(":scope > .problem")?.remove();
  if (!text) return;
  if (of.isConnected) inside.append(element("p", { class: "problem", role: "alert" }, text));
  else showBar({ tone: "bad", text });
}
