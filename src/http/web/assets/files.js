// What a verb that goes back would do to files: commits that leave the branch, what goes into the snapshot, what stays.

import { element } from "./bars.js";

/** Why something is neither saved nor removed. */
const WHY_KEPT = {
  ignored: "it is ignored",
  too_large: "it is too large",
  nested_repository: "it is a repository of its own",
  special: "it is no file",
  name: "its name can't be in a repository",
};
/** Longer lists are folded. */
const SHOWN = 8;
/** What changes how text looks and can't be seen itself. */
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/**
 * @param {{commits: {commit: string, subject: string}[], files: {path: string, what: string}[], more_files: number,
 *   kept: {path: string, why: string}[], notes: string[]} | undefined} files
 * @returns {Node[]}
 */
export function filesOf(files) {
  if (!files) return [];
  const parts = files.notes.map((note) => element("p", { class: "notice warn" }, seen(note)));
  const commits = files.commits.map(({ commit, subject }) => row(commit.slice(0, 10), subject));
  parts.push(...section("Commits that leave the branch; the snapshot keeps them", "warn", commits));
  const changed = files.files.map(({ path, what }) => row(path, what));
  if (files.more_files > 0) changed.push(element("li", {}, `and ${files.more_files} more`));
  parts.push(...section("Files that are not committed; the snapshot keeps them", "warn", changed));
  const kept = files.kept.map(({ path, why }) => row(path, WHY_KEPT[why] ?? why));
  parts.push(...section("Files that stay as they are, and are in no snapshot", "idle", kept));
  return parts;
}

/** @param {string} what @param {string} more */
function row(what, more) {
  return element("li", {}, element("code", { dir: "auto" }, seen(what)), element("span", { class: "why" }, ` ${seen(more)}`));
}

/** @param {string} words @param {string} tone @param {HTMLElement[]} rows @returns {Node[]} */
function section(words, tone, rows) {
  if (rows.length === 0) return [];
  const list = element("ul", {}, ...rows.slice(0, SHOWN));
  const rest = rows.slice(SHOWN);
  const parts = [element("h3", {}, `${words}: ${rows.length}`), list];
  if (rest.length > 0) {
    parts.push(element("details", {}, element("summary", {}, `${rest.length} more`), element("ul", {}, ...rest)));
  }
  return [element("section", { class: tone }, ...parts)];
}

/** Text in which nothing is hidden. @param {string} text */
function seen(text) {
  return text.replace(UNSEEN, (c) => `U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`);
}
