// What a person writes. The text is in this browser's storage with every key, so that nothing but the browser itself can
// lose it: not a closed window, not a server that is away, not a reset. What is sent is kept there too, until the server
// has it; sent twice, it is the same message.

import { showBar, element } from "./bars.js";
import { told } from "./acts.js";
import { restage } from "./page.js";
import { Restage } from "./restage.js";
import { here } from "./step.js";

/** How long to wait before a message is sent again when the server could not be reached, in milliseconds. */
const AGAIN = 3_000;
/** Most bytes that a browser sends of a page that is closing. */
const BEACON_BYTES = 60_000;

/** @typedef {{id: string, text: string, generation: number}} Sent */

// It is sent again by the page itself, as soon as the server is there.
const once = new Restage({ tries: 1 });
const { path, step, title, workshop, name } = here();
const places = {
  unsent: `restage:unsent:${name}:${workshop}/${step}`,
  sent: `restage:sent:${name}:${workshop}/${step}`,
};

/** @returns {HTMLTextAreaElement | null} gone while the step takes no work */
const field = () => document.getElementById("say");

/** @param {string} place */
function stored(place) {
  try {
    return localStorage.getItem(place) ?? "";
  } catch {
    return "";
  }
}

/** Whether it is stored. @param {string} place @param {string} text */
function store(place, text) {
  try {
    if (text) localStorage.setItem(place, text);
    else localStorage.removeItem(place);
    return true;
  } catch {
    return false;
  }
}

/** What the server does not have yet. @returns {Sent[]} */
function sent() {
  try {
    return JSON.parse(stored(places.sent) || "[]");
  } catch {
    return [];
  }
}

/** In case that the browser stores nothing, what is sent is here too. @type {Sent[]} */
let queue = sent();

/** @param {Sent[]} items */
function storeSent(items) {
  queue = items;
  store(places.sent, items.length > 0 ? JSON.stringify(items) : "");
}

/** What the server has, and the page does not show yet. @type {Sent[]} */
let arrived = [];
let delivering = false;
let isAway = false;
let again;

/** @param {string} text */
function tell(text) {
  const state = document.getElementById("say-state");
  if (state && state.textContent !== text) state.textContent = text;
}

function tellState() {
  if (isAway) tell("Offline. What you write is kept here, and sent when the server is back.");
  else if (queue.length > 0) tell("Saving...");
  else if (field()?.value) tell(kept ? "Saved, not sent" : "This browser keeps nothing: send it before you go.");
  else tell(everSent ? "Saved" : "");
}

let kept = true;
let everSent = false;

function keep() {
  kept = store(places.unsent, field()?.value ?? "");
  tellState();
}

/** Puts what was written back into the field. */
function bringBack() {
  const say = field();
  if (!say || say.dataset.has) return;
  say.dataset.has = "yes";
  if (!say.value) say.value = stored(places.unsent);
  tellState();
}

function send() {
  const say = field();
  if (!say?.value.trim()) return;
  storeSent([...queue, { id: crypto.randomUUID(), text: say.value.trim(), generation: here().generation }]);
  say.value = "";
  keep();
  showSending();
  deliver();
}

/** @param {Sent} item */
function request({ id, text, generation }) {
  return { generation, id, content: text };
}

/** Sends what there is, in order. */
async function deliver() {
  if (delivering) return;
  delivering = true;
  clearTimeout(again);
  try {
    for (let item = queue[0]; item; item = queue[0]) {
      if (item.generation !== here().generation) {
        giveBack(item, `${title} went back before your message was sent.`);
        continue;
      }
      tellState();
      try {
        await once.post(`${path}/ask`, request(item), { key: item.id });
        everSent = true;
        isAway = false;
        arrived.push(item);
        drop(item);
      } catch (problem) {
        if (problem.status === 0 || problem.status >= 500 || problem.status === 429) {
          isAway = problem.status === 0;
          again = setTimeout(deliver, AGAIN);
          return;
        }
        giveBack(item, `Your message was not sent: ${told(problem)}`);
      }
    }
  } finally {
    delivering = false;
    showSending();
    tellState();
  }
}

/** @param {Sent} item */
function drop(item) {
  storeSent(queue.filter((other) => other.id !== item.id));
}

/** A message that can't be sent is what it was before: written. @param {Sent} item @param {string} why */
function giveBack(item, why) {
  drop(item);
  const say = field();
  const text = [item.text, say ? say.value : stored(places.unsent)].filter(Boolean).join("\n\n");
  if (say) {
    say.value = text;
    keep();
  } else store(places.unsent, text);
  showBar({ name: "unsent", tone: "warn", text: `${why} It is in the field again.` });
}

/** Shows what is on its way at the end of the conversation. */
function showSending() {
  const place = document.getElementById("sending");
  if (!place) return;
  const isShown = ({ id }) => document.querySelector(`[data-message="${CSS.escape(id)}"]`);
  arrived = arrived.filter((item) => item.generation === here().generation && !isShown(item));
  const items = [...arrived, ...queue].filter((item) => !isShown(item));
  place.replaceChildren(
    ...items.map(({ text }) => {
      const by = element("p", { class: "by" }, element("strong", {}, name), " sending");
      return element("article", { class: "said user sending" }, by, element("div", { class: "text raw" }, text));
    }),
  );
}

document.addEventListener("input", (event) => event.target === field() && keep());
document.addEventListener("keydown", (event) => {
  if (event.target !== field() || event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});
document.addEventListener("submit", (event) => {
  if (event.target.id !== "composer") return;
  event.preventDefault();
  send();
  field()?.focus();
});
// Another window of the same browser writes into the same place.
addEventListener("storage", ({ key }) => {
  const say = field();
  if (key === places.unsent && say && say !== document.activeElement) say.value = stored(places.unsent);
  if (key === places.sent) queue = sent();
  showSending();
});
addEventListener("pagehide", () => {
  for (const item of queue) {
    const body = JSON.stringify(request(item));
    if (body.length < BEACON_BYTES) restage.handOver(`${path}/ask`, body);
  }
});
document.addEventListener("restage:connection", ({ detail: { there } }) => {
  isAway = !there;
  tellState();
  if (there) deliver();
});
document.addEventListener("restage:refreshed", () => {
  bringBack();
  showSending();
  deliver();
});

bringBack();
showSending();
deliver();
