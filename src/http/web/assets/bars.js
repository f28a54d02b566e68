// Bars over the page: what happened, and what can be done about it.

/**
 * @typedef {object} Bar
 * @property {string} [name] one bar of a name at a time
 * @property {string} text
 * @property {"info" | "warn" | "bad"} [tone]
 * @property {HTMLElement[]} [acts] buttons and links
 * @property {boolean} [stays] whether it can't be put away by hand
 */

/** Shows a bar, in place of the one with its name. @param {Bar} bar @returns {HTMLElement} */
export function showBar({ name, text, tone = "info", acts = [], stays = false }) {
  if (name) hideBar(name);
  const bar = element("div", { class: `bar ${tone}` }, element("p", {}, text), ...acts);
  if (name) bar.dataset.name = name;
  if (!stays) {
    const away = element("button", { type: "button", class: "away", "aria-label": "Put away" }, "×");
    away.addEventListener("click", () => bar.remove());
    bar.append(away);
  }
  document.getElementById("bars").append(bar);
  return bar;
}

/** @param {string} name */
export function hideBar(name) {
  for (const bar of document.querySelectorAll("#bars > .bar")) if (bar.dataset.name === name) bar.remove();
}

/**
 * An element with attributes and children. Text is text: nothing of it is read as HTML.
 *
 * @param {string} tag @param {Record<string, string>} [attributes] @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
