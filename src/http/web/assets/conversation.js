// The conversation: it stays where it is read and follows its end where that is read; what is being said is shown before it
// is saved; and whoever looks is told when somebody else takes the step back.

import { element, showBar } from "./bars.js";
import { refresh } from "./live.js";
import { here } from "./step.js";

/** So near to the end, in pixels, the end is followed. */
const NEAR = 80;
/** So many messages are kept up to date at most, while only the last of them are looked at. */
const MOST = 150;

const messages = () => document.getElementById("messages");
const isOfPast = new URLSearchParams(location.search).has("from");

/** Its own box on wide screens, else the page. */
function scroller() {
  const box = messages();
  return box && getComputedStyle(box).overflowY === "auto" ? box : document.scrollingElement;
}

function isAtEnd() {
  const box = scroller();
  if (box === messages()) return box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
  return messages().getBoundingClientRect().bottom < innerHeight + NEAR;
}

function goToEnd() {
  const box = scroller();
  if (box === messages()) box.scrollTop = box.scrollHeight;
  else if (messages().getBoundingClientRect().bottom > innerHeight) messages().scrollIntoView({ block: "end" });
}

// What comes before is loaded when somebody comes near to it, and not before the end was gone to.
const near = new IntersectionObserver((seen) => {
  for (const { target, isIntersecting } of seen) if (isIntersecting) htmx.trigger(target, "older");
});

function watchOlder() {
  near.disconnect();
  const older = document.querySelector("#older > .older");
  if (older) near.observe(older);
}

// The page that is asked for again begins with the message that it began with: nothing that is looked at goes away.
let first = firstShown();

function firstShown() {
  const shown = document.querySelector("#newest > [id^=m-]");
  return shown ? Number(shown.id.slice(2)) : 0;
}

document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
  const asked = new URL(ctx.request.action, location.href);
  if (asked.pathname === location.pathname && !isOfPast && first > 0) ctx.request.body.set("from", String(first));
});

let wasAtEnd = true;
let fromEnd = 0;
let isOlder = false;

document.addEventListener("htmx:before:swap", ({ detail: { ctx } }) => {
  if (!messages()) return;
  isOlder = ctx.request.action.includes("/messages?before=");
  wasAtEnd = isAtEnd();
  fromEnd = scroller().scrollHeight - scroller().scrollTop;
});
document.addEventListener("htmx:after:swap", () => {
  if (!messages()) return;
  if (isOlder) {
    // What was loaded is not asked for again.
    document.getElementById("older").dataset.keep = "";
    scroller().scrollTop = scroller().scrollHeight - fromEnd;
  } else if (wasAtEnd && !isOfPast) goToEnd();
  watchOlder();
});

// What the facilitator says, as it says it. Once a part of it is saved, it is shown in the place of that part (live.js).
const speaking = () => document.getElementById("speaking");
const isSavedInPart = () => document.querySelector("#newest [data-live]");
let lastBefore = 0;
let isSaid = false;

document.addEventListener("restage:live", ({ detail: { stage, generation, text, skipped, finished } }) => {
  if (stage !== here().step || Number(generation) !== here().generation || !speaking()) return;
  const follows = isAtEnd();
  if (finished) {
    // It is saved, or it came to nothing: the page tells.
    isSaid = true;
    refresh();
  } else if (isSavedInPart()) speaking().replaceChildren();
  else speak(skipped ? `… ${text}` : text);
  if (follows && !isOfPast) goToEnd();
});

/** @param {string} text */
function speak(text) {
  if (!speaking().firstElementChild) {
    lastBefore = lastShown();
    isSaid = false;
    const by = element("p", { class: "by" }, element("strong", {}, "Facilitator"));
    speaking().append(element("article", { class: "said assistant" }, by, element("div", { class: "text raw" })));
  }
  speaking().firstElementChild.lastElementChild.textContent = text;
}

function lastShown() {
  const said = [...document.querySelectorAll("#newest > .assistant")].at(-1);
  return said ? Number(said.id.slice(2)) : -1;
}

let generation = here().generation;
let last;

document.addEventListener("restage:event", ({ detail }) => {
  if (detail.stage === here().step && detail.generation !== undefined) last = detail;
});
document.addEventListener("restage:refreshed", () => {
  const now = here();
  if (isSaid || now.generation !== generation || lastShown() > lastBefore) speaking()?.replaceChildren();
  if (now.generation !== generation) {
    generation = now.generation;
    startOver();
    tellMoved(now);
  }
  if (!isOfPast && isAtEnd() && document.querySelectorAll("#newest > [id^=m-]").length > MOST) {
    startOver();
    refresh();
  }
});

/** Lets the server say again which messages come first. */
function startOver() {
  const older = document.getElementById("older");
  if (older?.hasAttribute("data-keep")) {
    older.removeAttribute("data-keep");
    older.replaceChildren();
    refresh();
  }
  first = 0;
}

/** Whoever did it themselves knows. @param {import("./step.js").Step} now */
function tellMoved(now) {
  const isMine = document.getElementById("verb").open || document.querySelector("#bars [data-name=done]");
  if (isMine) return;
  const by = last?.by ? `${last.by} took` : "Somebody took";
  const why = last?.reason ? ` (“${last.reason}”)` : "";
  const kept = document.getElementById("say")?.value ? " What you wrote is still in the field, and not sent." : "";
  showBar({ name: "moved", tone: "warn", text: `${by} ${now.title} back${why}.${kept}` });
}

if (!isOfPast && !location.hash) goToEnd();
addEventListener("load", watchOlder);
