// The dialog of every verb that goes back. It is the preview itself: what the server says would happen, by what happens to
// it, with the token of that plan. If anything moves in between, the new plan is shown instead.
//
//   <button data-verb="/v1/..." data-title="Reset plan?" data-do="Reset" data-doing="Resetting..."
//       data-body='{"stage":"plan"}' data-options="#id-of-a-template-with-fields" data-goto="/ui/..."
//       data-wait="30">     how long the answer is waited for where what was asked is done later, in seconds

import { body, fields, filled, told } from "./acts.js";
import { element, showBar } from "./bars.js";
import { filesOf } from "./files.js";
import { refresh } from "./live.js";
import { tellTimes } from "./times.js";

/** What happens to things, in the order in which it is told. */
const FATES = [
  ["deleted", "Deleted for good", "bad"],
  ["cleared", "Cleared", "bad"],
  ["fenced", "Still working on it: turned away, and the work kept aside", "warn"],
  ["archived", "Put aside", "warn"],
  ["stale", "To be looked at again", "warn"],
  ["restored", "Comes back", "done"],
  ["kept", "Kept", "idle"],
];

/** Longer lists of what is kept are folded. */
const KEPT_SHOWN = 3;

/** @param {import("./restage.js").Restage} restage @param {HTMLButtonElement} button */
export function openVerb(restage, button) {
  const dialog = document.getElementById("verb");
  const { verb: path, title = "Go back?", do: label = "Do it", doing = `${label}...`, goto, wait } = button.dataset;
  const more = body(button);
  // Long plans scroll: by keyboard too.
  const region = { class: "plan", tabindex: "0", role: "region", "aria-label": "What would happen" };
  const plan = element("div", { ...region, "aria-live": "polite", "aria-busy": "true" }, "Looking at what would happen...");
  const options = element("div", { class: "options" });
  const template = button.dataset.options && document.querySelector(button.dataset.options);
  if (template) options.append(document.importNode(template.content, true));
  const reason = element("textarea", { id: "verb-reason", rows: "2", maxlength: "500" });
  const problem = element("p", { class: "problem", role: "alert" });
  const cancel = element("button", { type: "button" }, "Cancel");
  const go = element("button", { type: "submit", class: "danger" }, label);
  const form = element(
    "form",
    { method: "dialog" },
    element("h2", { id: "verb-title" }, title),
    options,
    plan,
    element("label", { for: "verb-reason" }, "Reason (others see it in the history)"),
    reason,
    problem,
    element("div", { class: "buttons" }, cancel, go),
  );
  dialog.replaceChildren(form);
  let token;
  let busy = false;
  let asked = 0;

  const show = (found) => {
    token = found.token;
    plan.replaceChildren(...linesOf(found));
    plan.setAttribute("aria-busy", "false");
    tellTimes(plan);
    go.disabled = busy;
  };
  const fail = (error) => {
    problem.textContent = told(error);
    plan.setAttribute("aria-busy", "false");
  };
  const ask = async () => {
    const mine = ++asked;
    token = undefined;
    go.disabled = true;
    problem.textContent = "";
    plan.setAttribute("aria-busy", "true");
    try {
      const answer = await restage.post(`${path}/plan`, { ...more, ...fields(options) }, { key: null });
      // Of other options by now.
      if (mine === asked) show(planOf(answer.body));
    } catch (error) {
      if (mine !== asked) return;
      plan.replaceChildren();
      fail(error);
    }
  };
  const setBusy = (now) => {
    busy = now;
    go.disabled = cancel.disabled = now;
    go.textContent = now ? doing : label;
  };

  options.addEventListener("change", ask);
  cancel.addEventListener("click", () => dialog.close());
  // While it runs, the dialog stays: what came of it is told here.
  dialog.oncancel = (event) => {
    if (busy) event.preventDefault();
  };
  dialog.onclose = () => button.isConnected && button.focus();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy || !token) return;
    setBusy(true);
    problem.textContent = "";
    try {
      const sent = { ...more, ...fields(options), plan: token };
      if (reason.value.trim()) sent.reason = reason.value.trim();
      const answer = await restage.post(wait ? `${path}?wait=${wait}` : path, sent);
      setBusy(false);
      dialog.close();
      tellDone(label, answer.body, wait);
      if (goto) location.assign(filled(goto, answer.body));
      else refresh();
    } catch (error) {
      setBusy(false);
      const fresh = error.body?.plan;
      if (fresh) {
        show(planOf(fresh));
        problem.textContent = "Something moved meanwhile. This is what would happen now.";
      } else fail(error);
    }
  });
  dialog.showModal();
  reason.focus();
  return ask();
}

/** Some plans bring more than the plan itself: files that move, for one. */
function planOf(body) {
  return body.plan && typeof body.plan === "object" ? { ...body, ...body.plan } : body;
}

/** A plan as a list for each fate. @returns {Node[]} */
function linesOf(plan) {
  const parts = [];
  for (const [fate, words, tone] of FATES) {
    const lines = (plan.lines ?? []).filter((line) => line.fate === fate);
    if (lines.length === 0) continue;
    const items = lines.map((line) => {
      const where = line.stage && line.stage !== plan.stage ? [element("strong", {}, line.stage), " "] : [];
      return element("li", {}, ...where, line.what, element("span", { class: "why" }, ` · ${line.why}`));
    });
    const list = element("ul", {}, ...items);
    // What stays is good to know, and seldom what one looks for.
    const folded = fate === "kept" && lines.length > KEPT_SHOWN;
    const whole = folded ? element("details", {}, element("summary", {}, `${lines.length} things`), list) : list;
    parts.push(element("section", { class: tone }, element("h3", {}, words), whole));
  }
  parts.push(...filesOf(plan.files));
  if (plan.drafts > 0) parts.push(element("p", {}, `${plan.drafts} unsaved drafts are written down first.`));
  if (plan.undo_until) {
    const until = element("time", { datetime: plan.undo_until, "data-as": "date" }, plan.undo_until);
    parts.push(element("p", { class: "undo" }, "It can be undone until ", until, "."));
  } else parts.push(element("p", { class: "undo bad" }, "It can't be undone."));
  return parts;
}

/** Says that it is done, with the way back. */
function tellDone(label, answer, wait) {
  const { entity } = document.body.dataset;
  const acts = [];
  if (entity && answer?.undo_point !== undefined) {
    const undo = element("button", { type: "button", class: "undo" }, "Undo");
    Object.assign(undo.dataset, {
      verb: `${entity}/undo`,
      title: `Undo: ${label}?`,
      do: "Undo",
      doing: "Undoing...",
      body: JSON.stringify({ undo_point: answer.undo_point }),
      ...(wait && { wait }),
    });
    acts.push(undo);
  }
  showBar({ name: "done", text: `Done: ${label}.`, acts });
}
