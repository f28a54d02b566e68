import assert from "node:assert/strict";
import { test } from "node:test";

import { Restage, token, until, url, workshop } from "./world.mjs";

const message = (id, content, more = {}) => ({ id, role: "user", content, ...more });

/** A saver whose requests are counted, on the test's own timers. */
async function saving(context, options = {}) {
  const sent = [];
  const counted = (...ask) => {
    sent.push(JSON.parse(ask[1].body));
    return fetch(...ask);
  };
  const world = await workshop({ fetch: counted });
  const states = [];
  const onChange = (saver) => states.push(saver.state);
  const saver = world.restage.autoSave({ workshop: world.id, step: "challenge", generation: 1, onChange, ...options });
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const saved = () => until("it is saved", () => saver.state === "saved");
  return { ...world, saver, sent, states, saved, pass: (ms) => context.mock.timers.tick(ms) };
}

test("what is written is saved after two seconds of quiet, once", async (context) => {
  const { saver, sent, saved, pass, messages } = await saving(context);
  saver.save(message("m1", "H"));
  pass(1_900);
  saver.save(message("m1", "Hello"));
  saver.save(message("m2", "World"));
  pass(1_999);
  assert.equal(sent.length, 0);
  assert.equal(saver.state, "pending");
  pass(1);
  await saved();
  assert.equal(sent.length, 1);
  assert.deepEqual((await messages()).map((kept) => [kept.id, kept.content]), [["m1", "Hello"], ["m2", "World"]]);
  assert.deepEqual(saver.unsent, []);
});

test("who never pauses is saved ten seconds after the first change", async (context) => {
  const { saver, sent, saved, pass, messages } = await saving(context);
  for (let n = 0; n < 10; n += 1) {
    saver.save(message("m1", "x".repeat(n + 1), { finished: false }));
    pass(999);
    assert.equal(sent.length, 0, `after ${n + 1} s`);
  }
  saver.save(message("m1", "x".repeat(11), { finished: false }));
  pass(10);
  await saved();
  assert.equal(sent.length, 1);
  assert.equal((await messages())[0].content, "x".repeat(11));
});

test("both times are settings", async (context) => {
  const { saver, sent, saved, pass } = await saving(context, { quiet: 50, most: 120 });
  saver.save(message("m1", "a"));
  pass(49);
  assert.equal(sent.length, 0);
  pass(1);
  await saved();
  for (const text of ["b", "bb", "bbb"]) {
    saver.save(message("m2", text, { finished: false }));
    pass(40);
  }
  await saved();
  assert.equal(sent.length, 2);
});

test("after a reset nothing more is sent, what was written is kept, and can go on under the new generation", async (context) => {
  const { saver, sent, pass, messages, reset, saved, states } = await saving(context);
  saver.save(message("m1", "before"));
  pass(2_000);
  await saved();
  const { generation } = await reset();
  saver.save(message("m2", "late"));
  pass(2_000);
  await until("it is stale", () => saver.state === "stale");
  assert.equal(saver.problem.code, "stale_generation");
  assert.ok(saver.problem.body.orphan > 0, JSON.stringify(saver.problem.body));
  assert.deepEqual(await messages(), []);
  const before = sent.length;
  saver.save(message("m2", "late, and longer"));
  saver.save(message("m3", "still writing"));
  pass(60_000);
  saver.handOver();
  assert.equal(sent.length, before, "nothing is sent under the old generation");
  assert.deepEqual(saver.unsent.map((kept) => kept.content), ["late, and longer", "still writing"]);
  await assert.rejects(saver.flush(), { code: "stale_generation" });
  saver.resume(generation);
  pass(2_000);
  await saved();
  assert.deepEqual((await messages()).map((kept) => kept.content), ["late, and longer", "still writing"]);
  assert.ok(states.includes("stale"));
});

test("what can't be sent is kept, told and tried again, newer words first", async (context) => {
  let down = true;
  const flaky = (...ask) => (down ? Promise.reject(new Error("connection refused")) : fetch(...ask));
  const world = await workshop({ fetch: flaky, tries: 1 });
  const saver = world.restage.autoSave({ workshop: world.id, step: "challenge", generation: 1 });
  context.mock.timers.enable({ apis: ["setTimeout"] });
  saver.save(message("m1", "first", { finished: false }));
  context.mock.timers.tick(2_000);
  await until("it failed", () => saver.state === "failed");
  assert.equal(saver.problem.code, "unreachable");
  saver.save(message("m1", "first, and more"));
  assert.deepEqual(saver.unsent.map((kept) => kept.content), ["first, and more"]);
  down = false;
  context.mock.timers.tick(10_000);
  await until("it is saved", () => saver.state === "saved");
  assert.deepEqual((await world.messages()).map((kept) => kept.content), ["first, and more"]);
});

test("what the server refuses is told and not sent again until it changes", async (context) => {
  const { saver, sent, pass, saved } = await saving(context);
  saver.save(message("m1", "hello", { role: "nobody" }));
  pass(2_000);
  await until("it failed", () => saver.state === "failed");
  assert.ok(saver.problem.status >= 400 && saver.problem.status < 500);
  pass(600_000);
  assert.equal(sent.length, 1);
  saver.save(message("m1", "hello"));
  pass(2_000);
  await saved();
});

test("a page that goes hands over what it has", async (context) => {
  const { saver, saved, messages, pass } = await saving(context);
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const window = new EventTarget();
  saver.attach(document, window);
  saver.save(message("m1", "typed"));
  document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(saver.state, "pending", "a page that is seen goes on as it was");
  document.visibilityState = "hidden";
  document.dispatchEvent(new Event("visibilitychange"));
  await saved();
  await until("the first is there", async () => (await messages()).length === 1);
  saver.save(message("m2", "more"));
  window.dispatchEvent(new Event("pagehide"));
  await until("the second is there", async () => (await messages()).length === 2);
  await saver.close();
  saver.save(message("m3", "after"));
  window.dispatchEvent(new Event("pagehide"));
  assert.equal(saver.state, "pending", "it listens no more");
  pass(2_000);
  await saved();
});

test("a page with a session hands over by beacon, in parts that a browser takes", async () => {
  const beacons = [];
  const taken = (to, blob) => {
    if (blob.size > 65_536) return false;
    beacons.push([to, blob]);
    return true;
  };
  Object.defineProperty(globalThis, "navigator", { value: { sendBeacon: taken }, configurable: true });
  try {
    const world = await workshop();
    const page = new Restage({ url });
    const saver = page.autoSave({ workshop: world.id, step: "challenge", generation: 1 });
    for (let n = 0; n < 5; n += 1) saver.save(message(`m${n}`, "ä".repeat(10_000)));
    saver.save(message("huge", "x".repeat(70_000)));
    saver.handOver();
    assert.deepEqual(saver.unsent.map((kept) => kept.id), ["huge"], "what no browser takes stays");
    saver.discard();
    assert.ok(beacons.length >= 2);
    for (const [to, blob] of beacons) {
      assert.equal(blob.type, "application/json");
      const headers = { "content-type": blob.type, authorization: `Bearer ${token}` };
      const answer = await fetch(to, { method: "POST", headers, body: await blob.text() });
      assert.equal(answer.status, 200, await answer.text());
    }
    assert.equal((await world.messages()).length, 5);
  } finally {
    delete globalThis.navigator;
  }
});

test("without the generation that the page shows nothing is saved", async () => {
  const { restage, id } = await workshop();
  assert.throws(() => restage.autoSave({ workshop: id, step: "challenge" }), TypeError);
});
