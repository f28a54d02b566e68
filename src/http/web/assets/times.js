// Points in time: how long ago, with the exact time in both zones on demand.

const STEPS = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const DATE = new Intl.DateTimeFormat("en", { dateStyle: "long" });
const LOCAL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

/** @param {number} seconds from now on; negative is past @returns {string} */
export function relative(seconds) {
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length) return RELATIVE.format(Math.trunc(seconds / length), unit);
  }
  return Math.abs(seconds) < 10 ? "just now" : RELATIVE.format(Math.trunc(seconds), "second");
}

/** With `data-as="date"` a time is told as the day that it is. @param {ParentNode} root */
export function tellTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const text = time.dataset.as === "date" ? DATE.format(at) : relative((at.getTime() - Date.now()) / 1_000);
    if (time.textContent !== text) time.textContent = text;
    time.title = `${LOCAL.format(at)}\n${time.dateTime}`;
  }
}

setInterval(() => document.visibilityState === "visible" && tellTimes(document), 30_000);
