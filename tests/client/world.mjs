// The server that the tests ask: a real one, started by the test of the same name in Rust.

import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

export const url = process.env.RESTAGE_TEST_URL;
export const token = process.env.RESTAGE_TEST_TOKEN;

// The client as the server gives it, not as it lies in the sources.
const answer = await fetch(`${url}/client/restage.js`);
if (!answer.ok) throw new Error(`the client is not served: ${answer.status}`);
const place = join(await mkdtemp(join(tmpdir(), "restage-client-")), "restage.mjs");
await writeFile(place, await answer.text());
export const { Restage, AutoSave, Problem } = await import(pathToFileURL(place).href);

let count = 0;

/** A workshop of its own, and how to ask for what is in its first step. */
export async function workshop(options = {}) {
  const restage = new Restage({ url, token, ...options });
  const id = `js-${process.pid}-${(count += 1)}`;
  await new Restage({ url, token }).post("/v1/workshops", { id, title: "Bicycles" });
  const step = `/v1/workshops/${id}/steps/challenge`;
  const messages = async () => (await new Restage({ url, token }).get(`${step}/messages`)).body.items;
  const reset = async () => (await new Restage({ url, token }).post(`${step}/reset`, { reason: "test" })).body;
  return { restage, id, step, messages, reset };
}

/** Lets what is on its way arrive: waits for a condition, not for a time. */
export async function until(what, condition) {
  const end = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`it never came that ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
