// Keeps the page up to date. When something happens to what it shows, the page is asked for again, and what differs is
// changed in place: focus, scroll position, what is being written and what is folded open stay.

import { element, hideBar, showBar } from "./bars.js";
import { tellTimes } from "./times.js";

/** How long it takes at least from one refresh to the next, in milliseconds. */
const REST = 250;
/** How long until it is tried again, where the page could not be had. */
const AGAIN = 2_000;
/** How long the server may be away before anybody is told. */
const PATIENCE = 2_000;
/** How long a page that nobody sees goes on following. A browser has six connections to a server for all its pages. */
const UNSEEN = 10_000;

let wanted = false;
let running = false;
let last = 0;
/** What the server answered to the last look; 0 for nothing. */
let answered = 0;

/** Asks for the page again, soon: whatever comes until then is seen by the same look. */
export function refresh() {
  wanted = true;
  if (running || document.visibilityState === "hidden") return;
  running = true;
  setTimeout(look, Math.max(0, last + REST - Date.now()));
}

async function look() {
  wanted = false;
  answered = 0;
  try {
    const here = location.pathname + location.search;
    await htmx.ajax("GET", here, { target: "#page", select: "#page", swap: "outerMorph" });
  } finally {
    last = Date.now();
    running = false;
    // What happened must not stay unseen because it could not be shown at that moment.
    if (answered === 0 || answered >= 500) setTimeout(refresh, AGAIN);
    else if (wanted) refresh();
  }
}

/** An answer came. One that is no page takes the place of none: what was being written stays. @param {number} status */
function note(status) {
  answered = status;
  if (status === 401) signedOut();
  else if (status >= 400 && status < 500) cannotShow("What is shown here is not to be seen any more.");
}

/** Follows what the page says it follows. @param {import("./restage.js").Restage} restage */
export function follow(restage) {
  const { follow, after } = document.body.dataset;
  document.addEventListener("visibilitychange", () => wanted && refresh());
  document.addEventListener("htmx:after:swap", () => {
    tellTimes(document);
    document.dispatchEvent(new CustomEvent("restage:refreshed"));
  });
  document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => ctx.target?.id === "page" && note(ctx.response.status));
  addEventListener("offline", () => connected(false));
  addEventListener("online", () => connected(true));
  if (!follow) return;
  const query = new URLSearchParams(follow);
  const asked = { kind: query.getAll("kind"), id: query.getAll("id"), type: query.getAll("type") };
  listen(restage, { ...asked, after });
  let unseen;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(unseen);
    if (document.visibilityState === "hidden") unseen = setTimeout(rest, UNSEEN);
    else goOn();
  });
  // A page that was left may be kept, and come back.
  addEventListener("pagehide", rest);
  addEventListener("pageshow", goOn);

  function goOn() {
    if (stream) return;
    // What happened meanwhile is seen once the stream is there again.
    wasAway = true;
    listen(restage, asked);
  }
}

/** @type {AbortController | undefined} what ends the stream, while there is one */
let stream;

/** Follows no more, until somebody looks again. */
function rest() {
  stream?.abort();
  stream = undefined;
}

/** Hears of everything, until it rests. */
async function listen(restage, asked) {
  const { signal } = (stream = new AbortController());
  const onConnection = (there) => signal.aborted || connected(there);
  try {
    for await (const event of restage.events({ ...asked, live: true, signal, onConnection })) {
      if (event.type === "live") document.dispatchEvent(new CustomEvent("restage:live", { detail: event }));
      else {
        document.dispatchEvent(new CustomEvent("restage:event", { detail: event }));
        refresh();
      }
    }
  } catch (problem) {
    if (signal.aborted) return;
    if (problem.status === 401) signedOut();
    else showBar({ name: "connection", tone: "bad", text: `This page is not kept up to date: ${problem.message}.` });
  }
}

let away;
let wasAway = false;

/** Tells whoever looks, and other scripts, whether the server is there. @param {boolean} there */
function connected(there) {
  clearTimeout(away);
  if (there) {
    hideBar("connection");
    if (wasAway) refresh();
    wasAway = false;
    document.dispatchEvent(new CustomEvent("restage:connection", { detail: { there } }));
    return;
  }
  away = setTimeout(() => {
    wasAway = true;
    const text = "The server can't be reached. What is shown may be old; it is tried again by itself.";
    showBar({ name: "connection", tone: "warn", stays: true, text });
    document.dispatchEvent(new CustomEvent("restage:connection", { detail: { there } }));
  }, PATIENCE);
}

function signedOut() {
  cannotShow("Nobody is signed in any more.");
}

/** @param {string} text */
function cannotShow(text) {
  clearTimeout(away);
  const again = element("a", { href: location.href }, "Load the page again");
  showBar({ name: "connection", tone: "bad", stays: true, text, acts: [again] });
}

// Texts that are not final yet: a reply as it is written, what a stage puts out.
document.addEventListener("restage:live", ({ detail: { stage, name, text, skipped } }) => {
  for (const place of document.querySelectorAll("[data-live]")) {
    if (place.dataset.live !== `${stage}/${name}`) continue;
    const shown = skipped ? `… ${skipped} bytes before this are not shown\n${text}` : text;
    if (place.textContent !== shown) place.textContent = shown;
  }
});
