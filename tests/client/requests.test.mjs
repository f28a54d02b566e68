import assert from "node:assert/strict";
import { test } from "node:test";

import { Problem, Restage, token, url, workshop } from "./world.mjs";

test("an answer has its revision, and a refusal says what to do", async () => {
  const { restage, id } = await workshop();
  const seen = await restage.get(`/v1/workshops/${id}`);
  assert.equal(seen.status, 200);
  assert.equal(seen.revision, 1);
  assert.equal(seen.body.id, id);
  await assert.rejects(restage.get("/v1/workshops/nobody"), (problem) => {
    assert.ok(problem instanceof Problem);
    assert.deepEqual([problem.status, problem.code], [404, "not_found"]);
    return true;
  });
  await assert.rejects(new Restage({ url, token: "nothing" }).get("/v1/me"), { status: 401 });
});

test("what is tried again has its effect once", async () => {
  const { step, messages } = await workshop();
  const keys = [];
  // The server does it, and the answer is lost on the way.
  const lossy = async (...ask) => {
    keys.push(ask[1].headers["idempotency-key"]);
    const answer = await fetch(...ask);
    if (keys.length < 3) throw new Error("connection reset");
    return answer;
  };
  const restage = new Restage({ url, token, fetch: lossy });
  const before = (await new Restage({ url, token }).get(step.replace(/\/steps.*/, ""))).revision;
  const answer = await restage.post(`${step}/reset`, { reason: "test" });
  assert.equal(answer.replayed, true);
  assert.equal(new Set(keys).size, 1);
  assert.equal(keys.length, 3);
  assert.equal(answer.revision, before + 1);
  assert.deepEqual(await messages(), []);
});

test("what may pass is tried again, as long as the server says, and what may not is not", async (context) => {
  const asked = [];
  const answers = [
    new Response("{}", { status: 503, headers: { "retry-after": "7" } }),
    new Response('{"ok":true}', { status: 200, headers: { etag: '"3"' } }),
    new Response('{"code":"invalid"}', { status: 422 }),
  ];
  const fetch = async (path) => {
    asked.push(path);
    return answers.shift();
  };
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const restage = new Restage({ fetch });
  const answer = restage.get("/v1/x");
  while (asked.length < 1) await new Promise(setImmediate);
  for (let n = 0; n < 20; n += 1) await new Promise(setImmediate);
  context.mock.timers.tick(6_999);
  for (let n = 0; n < 20; n += 1) await new Promise(setImmediate);
  assert.equal(asked.length, 1);
  context.mock.timers.tick(1);
  assert.deepEqual(await answer, { status: 200, body: { ok: true }, revision: 3, replayed: false });
  await assert.rejects(restage.post("/v1/x"), { code: "invalid" });
  assert.equal(asked.length, 3);
});

test("who gives up waits no longer", async () => {
  const gone = new AbortController();
  const restage = new Restage({ url: "http://127.0.0.1:1", tries: 50 });
  const answer = restage.get("/v1/me", { signal: gone.signal });
  gone.abort();
  await assert.rejects(answer, { name: "AbortError" });
});
