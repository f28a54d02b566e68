import assert from "node:assert/strict";
import { test } from "node:test";

import { Restage, token, url, workshop } from "./world.mjs";

/** So many events, each with its type and position. */
async function take(events, count) {
  const taken = [];
  for await (const event of events) {
    taken.push(event);
    if (taken.length >= count) break;
  }
  return taken;
}

test("what happens is told as it happens, and can be selected", { timeout: 60_000 }, async () => {
  const { restage, id, reset } = await workshop();
  const ends = new AbortController();
  let connected;
  const there = new Promise((resolve) => (connected = resolve));
  const events = restage.events({ id, type: ["workshop.step_reset"], signal: ends.signal, onConnection: connected });
  const told = take(events, 1);
  await there;
  await reset();
  const [event] = await told;
  assert.deepEqual([event.type, event.id, event.stage, event.reason], ["workshop.step_reset", id, "challenge", "test"]);
});

test("a stream that breaks goes on where it was, without a gap and without repeating", { timeout: 60_000 }, async () => {
  const { id, reset } = await workshop();
  const begin = (await take(new Restage({ url, token }).events({ after: "0", id }), 1))[0].position;
  const tried = [];
  // Every connection breaks in the middle of what it brings.
  const breaking = async (...ask) => {
    tried.push(ask[1].headers["last-event-id"]);
    const answer = await fetch(...ask);
    let left = 700;
    const cut = new TransformStream({
      transform(chunk, to) {
        const part = chunk.subarray(0, Math.max(left, 0));
        left -= chunk.length;
        to.enqueue(part);
        if (left <= 0) to.error(new Error("connection reset"));
      },
    });
    return new Response(answer.body.pipeThrough(cut), { status: answer.status });
  };
  for (let n = 0; n < 3; n += 1) await reset();
  const whole = await take(new Restage({ url, token }).events({ after: begin, id }), 6);
  const broken = await take(new Restage({ url, token, fetch: breaking }).events({ after: begin, id }), 6);
  assert.deepEqual(broken, whole);
  assert.ok(tried.length > 1, `it never broke: ${tried}`);
});

test("what is missing is told", { timeout: 60_000 }, async () => {
  const { restage } = await workshop();
  const [event] = await take(restage.events({ after: "999999999" }), 1);
  assert.equal(event.type, "reset");
  assert.ok(Number(event.position) > 0);
});

test("who may not see is told so and not tried again", { timeout: 60_000 }, async () => {
  const events = new Restage({ url, token: "nothing" }).events();
  await assert.rejects(take(events, 1), { status: 401 });
});

test("it ends when it is told to", { timeout: 60_000 }, async () => {
  const { restage } = await workshop();
  const ends = new AbortController();
  const told = take(restage.events({ signal: ends.signal, onConnection: (is) => is && ends.abort() }), 1);
  assert.deepEqual(await told, []);
});

test("what is being said and not saved yet comes where it is asked for, and moves no position", { timeout: 60_000 }, async () => {
  const asked = [];
  const said = { kind: "workshop", id: "w", stage: "challenge", generation: 1, name: "reply", text: "Good\nmo", finished: false };
  const blocks = ["id: 7.1\n\n", `event: live\ndata: ${JSON.stringify(said)}\n\n`, 'event: reset\nid: 9.1\ndata: {"position":"9.1"}\n\n'];
  const scripted = async (address) => {
    asked.push(address);
    return new Response(new Blob(blocks).stream());
  };
  const [live, reset] = await take(new Restage({ url, token, fetch: scripted }).events({ id: "w", live: true }), 2);
  assert.deepEqual(live, { type: "live", ...said });
  assert.deepEqual(reset, { type: "reset", position: "9.1" });
  assert.match(asked[0], /\?id=w&live=true$/);
});
