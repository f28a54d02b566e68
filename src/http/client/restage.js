// A client for pages and for Node: requests that are safe to repeat, auto-save, and the stream of events. It needs nothing
// but `fetch`, `AbortController` and `crypto`.
//
//     import { Restage } from "/client/restage.js";
//     const restage = new Restage();                                  // a page of the server: its session is used
//     const restage = new Restage({ url: "http://127.0.0.1:7878", token });   // a program

/** How long auto-save waits for quiet, and how long at most after the first change, in milliseconds. */
export const QUIET = 2_000;
export const MOST = 10_000;
/** Most bytes that a browser sends of a page that is closing. */
const BEACON_BYTES = 60_000;
/** Most messages of one request. */
const MESSAGES_MOST = 1_000;
/** The first and the longest wait before something is tried again, in milliseconds. */
const RETRY_FIRST = 500;
const RETRY_LAST = 30_000;
/** How long a stream may be silent: the server gives a sign of life every 10 s. */
const SILENCE = 30_000;

/**
 * What the server refused, or why it could not be asked.
 *
 * @property {number} status 0 when there was no answer
 * @property {string} code a stable word for programs
 * @property {string} hint what to do about it
 * @property {Record<string, any>} body the whole problem
 */
export class Problem extends Error {
  /** @param {number} status @param {Record<string, any>} body */
  constructor(status, body) {
    super(body.detail || body.title || `the server answered ${status}`);
    this.name = "Problem";
    this.status = status;
    this.code = body.code || "unknown";
    this.hint = body.hint || "";
    this.body = body;
  }
}

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {any} body the answer's JSON
 * @property {number | undefined} revision the entity's revision: its `ETag`
 * @property {boolean} replayed whether this is the answer of an earlier request with the same key
 */

/**
 * @typedef {object} Ask
 * @property {any} [body] sent as JSON
 * @property {string | null} [key] the idempotency key; one is made for whatever changes something, and `null` sends none
 * @property {number} [revision] done only if the entity is still at this revision
 * @property {AbortSignal} [signal]
 */

export class Restage {
  /**
   * @param {object} [options]
   * @param {string} [options.url] where the server is; by default where the page is from
   * @param {string} [options.token] a token; by default the session of the page
   * @param {number} [options.tries] how often a request is tried in all
   * @param {typeof fetch} [options.fetch]
   */
  constructor({ url = "", token, tries = 5, fetch = globalThis.fetch } = {}) {
    this.url = url.replace(/\/+$/, "");
    this.token = token;
    this.tries = tries;
    this.fetch = (...ask) => fetch(...ask);
  }

  /**
   * Asks the server, again and again where that may help and is safe: under one key it has its effect once.
   *
   * @param {string} method @param {string} path @param {Ask} [ask]
   * @returns {Promise<Answer>}
   */
  async request(method, path, { body, key, revision, signal } = {}) {
    const headers = this.#headers({ accept: "application/json" });
    const changes = method !== "GET" && method !== "HEAD";
    if (changes && key !== null) headers["idempotency-key"] = key ?? crypto.randomUUID();
    if (revision !== undefined) headers["if-match"] = `"${revision}"`;
    if (body !== undefined) headers["content-type"] = "application/json";
    const init = { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) };
    for (let tried = 1; ; tried += 1) {
      let failure;
      let pause = backOff(tried);
      try {
        const answer = await this.fetch(this.url + path, init);
        const text = await answer.text();
        if (answer.ok) return read(answer, text);
        failure = new Problem(answer.status, json(text));
        const after = Number(answer.headers.get("retry-after"));
        if (after > 0) pause = Math.min(after * 1_000, RETRY_LAST);
      } catch (error) {
        if (signal?.aborted) throw error;
        failure = new Problem(0, { code: "unreachable", detail: `the server can't be reached: ${error.message}` });
      }
      if (!mayPass(failure.status) || tried >= this.tries) throw failure;
      await wait(pause, signal);
    }
  }

  /** @param {string} path @param {Ask} [ask] */
  get(path, ask) {
    return this.request("GET", path, ask);
  }

  /** @param {string} path @param {any} [body] @param {Ask} [ask] */
  post(path, body = {}, ask = {}) {
    return this.request("POST", path, { ...ask, body });
  }

  /**
   * Everything that happens, as it happens, for as long as somebody asks for the next: after a break it goes on where it
   * was. An event of type `reset` says that events are missing: read the present state, then go on. One of type `live` has
   * what is being said and not saved yet, where that is asked for.
   *
   * @param {object} [options]
   * @param {string} [options.after] the position to go on after; by default what comes from now on
   * @param {string | string[]} [options.kind] @param {string | string[]} [options.id]
   * @param {string | string[]} [options.type] @param {boolean} [options.live]
   * @param {AbortSignal} [options.signal] ends it
   * @param {(connected: boolean) => void} [options.onConnection]
   * @returns {AsyncGenerator<any, void, void>}
   */
  async *events({ after, kind, id, type, live, signal, onConnection = () => {} } = {}) {
    const query = new URLSearchParams();
    for (const [name, values] of Object.entries({ kind, id, type })) {
      for (const value of [values ?? []].flat()) query.append(name, value);
    }
    if (live) query.append("live", "true");
    let last = after;
    for (let failed = 0; !signal?.aborted; ) {
      const cut = new AbortController();
      const end = () => cut.abort();
      signal?.addEventListener("abort", end);
      try {
        for await (const item of this.#stream(query, last, cut)) {
          if (item === null) {
            failed = 0;
            onConnection(true);
            continue;
          }
          last = item.id ?? last;
          if (item.event === "bye") break;
          if (item.event === "reset") yield { type: "reset", position: last };
          else if (item.event === "live") yield { type: "live", ...JSON.parse(item.data) };
          else if (item.data) yield JSON.parse(item.data);
        }
      } catch (error) {
        if (signal?.aborted) return;
        if (error instanceof Problem && error.status > 0 && !mayPass(error.status)) throw error;
      } finally {
        signal?.removeEventListener("abort", end);
        cut.abort();
        onConnection(false);
      }
      failed += 1;
      try {
        await wait(backOff(failed), signal);
      } catch {
        return;
      }
    }
  }

  /**
   * What of one connection comes: `null` once it is there, then each block of the stream.
   *
   * @param {URLSearchParams} query @param {string | undefined} last @param {AbortController} cut
   */
  async *#stream(query, last, cut) {
    const headers = this.#headers({ accept: "text/event-stream" });
    if (last !== undefined) headers["last-event-id"] = last;
    let silence = setTimeout(() => cut.abort(), SILENCE);
    try {
      const answer = await this.fetch(`${this.url}/v1/events?${query}`, { headers, signal: cut.signal, cache: "no-store" });
      if (!answer.ok) throw new Problem(answer.status, json(await answer.text()));
      yield null;
      const decoder = new TextDecoder();
      const reader = answer.body.getReader();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(silence);
        silence = setTimeout(() => cut.abort(), SILENCE);
        text += decoder.decode(value, { stream: true });
        const blocks = text.split("\n\n");
        text = blocks.pop();
        for (const block of blocks) yield fields(block);
      }
    } finally {
      clearTimeout(silence);
    }
  }

  /**
   * Saves what is written into a step by itself.
   *
   * @param {AutoSaveOptions} options
   */
  autoSave(options) {
    return new AutoSave(this, options);
  }

  /** @param {Record<string, string>} headers */
  #headers(headers) {
    if (this.token) headers.authorization = `Bearer ${this.token}`;
    return headers;
  }

  /**
   * Sends something that nobody waits for the answer of, as the page goes. Whether it was taken over.
   *
   * @param {string} path @param {string} body JSON, of at most 60,000 bytes
   */
  handOver(path, body) {
    const beacon = globalThis.navigator?.sendBeacon;
    if (!this.token && beacon) {
      return beacon.call(navigator, this.url + path, new Blob([body], { type: "application/json" }));
    }
    const headers = this.#headers({ "content-type": "application/json" });
    this.fetch(this.url + path, { method: "POST", headers, body, keepalive: true }).catch(() => {});
    return true;
  }
}

/**
 * @typedef {object} Message
 * @property {string} id saved again, it is the same message
 * @property {"user" | "assistant" | "system" | "tool"} role
 * @property {string} content
 * @property {boolean} [finished] false while a reply still streams in
 * @property {string} [sub_step]
 */

/**
 * @typedef {object} AutoSaveOptions
 * @property {string} workshop
 * @property {string} step
 * @property {number} generation the generation that the page shows: after a reset nothing more of it is taken
 * @property {string} [session] the conversation within the step
 * @property {number} [quiet] saved when nothing changed for so long, in milliseconds
 * @property {number} [most] saved at the latest so long after the first change
 * @property {(saver: AutoSave) => void} [onChange] called when `state` changes
 */

/**
 * Saves messages some time after they changed. Nothing is forgotten before the server has it.
 *
 * `state` is `saved`, `pending`, `saving`, `failed` (it is tried again, or with the next change: see `problem`), or `stale`:
 * the step went back meanwhile. Then nothing more is sent, `unsent` has what was written, and `problem.body.orphan` is where
 * the server keeps what it was sent; {@link AutoSave.resume} sends it under the new generation.
 */
export class AutoSave {
  /** @type {Map<string, Message>} what the server does not have yet, in the order it was first written */
  #unsent = new Map();
  /** @type {Map<string, Message>} what is on its way */
  #sending = new Map();
  #quietTimer;
  #mostTimer;
  /** @type {Promise<void> | undefined} */
  #running;
  /** @type {() => void} */
  #detach = () => {};

  /** @param {Restage} restage @param {AutoSaveOptions} options */
  constructor(restage, { workshop, step, generation, session, quiet = QUIET, most = MOST, onChange = () => {} }) {
    if (!Number.isInteger(generation)) throw new TypeError("autoSave needs the generation that the page shows");
    this.restage = restage;
    const at = (name) => encodeURIComponent(name);
    this.path = `/v1/workshops/${at(workshop)}/steps/${at(step)}/messages`;
    this.generation = generation;
    this.session = session;
    this.quiet = quiet;
    this.most = most;
    this.onChange = onChange;
    /** @type {"saved" | "pending" | "saving" | "failed" | "stale"} */
    this.state = "saved";
    /** @type {Problem | undefined} */
    this.problem = undefined;
  }

  /** What the server does not have yet, as far as is known here. */
  get unsent() {
    return [...new Map([...this.#sending, ...this.#unsent]).values()];
  }

  /** Takes in a message, or a newer version of one. @param {Message} message */
  save(message) {
    if (!message.id) throw new TypeError("a message needs an id");
    this.#unsent.set(message.id, { ...message });
    if (this.state === "stale") return;
    this.#plan();
    if (this.state !== "saving") this.#become("pending");
  }

  /** Sends what there is, now, and waits until the server has it. @returns {Promise<void>} */
  async flush() {
    while (this.#running || (this.#unsent.size > 0 && this.state !== "stale")) {
      this.#running ??= this.#send().finally(() => (this.#running = undefined));
      await this.#running;
      if (this.state === "failed") throw this.problem;
    }
    if (this.state === "stale") throw this.problem;
  }

  /** Goes on under the generation that holds now, with what was not sent. @param {number} generation */
  resume(generation) {
    this.generation = generation;
    this.problem = undefined;
    this.#become(this.#unsent.size > 0 ? "pending" : "saved");
    if (this.#unsent.size > 0) this.#plan();
  }

  /** Forgets what was not sent. */
  discard() {
    this.#unsent.clear();
    this.#stopTimers();
    if (this.state !== "stale") this.#become("saved");
  }

  /**
   * Hands over what was not sent when the page goes, without waiting. What is on its way may come twice, which is harmless.
   * What is too large for that stays unsent.
   */
  handOver() {
    if (this.state === "stale") return;
    this.#stopTimers();
    for (const part of this.#parts(this.unsent)) {
      if (part.bytes > BEACON_BYTES || !this.restage.handOver(this.path, part.body)) continue;
      for (const message of part.messages) {
        if (this.#unsent.get(message.id)?.content === message.content) this.#unsent.delete(message.id);
      }
    }
    if (this.#unsent.size > 0) this.#plan();
    else if (!this.#running) this.#become("saved");
  }

  /**
   * Hands over by itself when the page is hidden or goes.
   *
   * @param {EventTarget & {visibilityState?: string}} [document] @param {EventTarget} [window]
   */
  attach(document = globalThis.document, window = globalThis) {
    const hidden = () => document.visibilityState === "hidden" && this.handOver();
    const gone = () => this.handOver();
    document.addEventListener("visibilitychange", hidden);
    window.addEventListener("pagehide", gone);
    this.#detach = () => {
      document.removeEventListener("visibilitychange", hidden);
      window.removeEventListener("pagehide", gone);
    };
    return this;
  }

  /** Saves what there is, and listens no more. */
  async close() {
    this.#detach();
    try {
      await this.flush();
    } finally {
      this.#stopTimers();
    }
  }

  #plan() {
    clearTimeout(this.#quietTimer);
    this.#quietTimer = setTimeout(() => this.#begin(), this.quiet);
    this.#mostTimer ??= setTimeout(() => this.#begin(), this.most);
  }

  #stopTimers() {
    clearTimeout(this.#quietTimer);
    clearTimeout(this.#mostTimer);
    this.#quietTimer = this.#mostTimer = undefined;
  }

  #begin() {
    // What went wrong is in `problem`, and told.
    this.flush().catch(() => {});
  }

  async #send() {
    this.#stopTimers();
    const [part] = this.#parts([...this.#unsent.values()]);
    this.#sending = new Map(part.messages.map((message) => [message.id, message]));
    for (const id of this.#sending.keys()) this.#unsent.delete(id);
    this.#become("saving");
    try {
      // Saving the same again is harmless by itself.
      await this.restage.request("POST", this.path, { body: JSON.parse(part.body), key: null });
      this.#sending.clear();
      this.problem = undefined;
      this.#become(this.#unsent.size > 0 ? "pending" : "saved");
    } catch (problem) {
      // Newer versions go before those that were on their way; the order stays.
      this.#unsent = new Map([...this.#sending, ...this.#unsent]);
      this.#sending = new Map();
      this.problem = problem;
      if (problem.code === "stale_generation") {
        this.#stopTimers();
        this.#become("stale");
        return;
      }
      if (mayPass(problem.status)) this.#mostTimer ??= setTimeout(() => this.#begin(), this.most);
      this.#become("failed");
    }
  }

  /** Messages as bodies that a closing page can send too, where a message alone is not larger. @param {Message[]} messages */
  #parts(messages) {
    const parts = [];
    const { generation, session } = this;
    const body = (some) => JSON.stringify({ generation, session, messages: some });
    let part = [];
    let bytes = 200;
    for (const message of messages) {
      const size = utf8(JSON.stringify(message)) + 1;
      if (part.length > 0 && (bytes + size > BEACON_BYTES || part.length >= MESSAGES_MOST)) {
        parts.push(part);
        part = [];
        bytes = 200;
      }
      part.push(message);
      bytes += size;
    }
    if (part.length > 0) parts.push(part);
    return parts.map((some) => ({ messages: some, body: body(some), bytes: utf8(body(some)) }));
  }

  #become(state) {
    if (this.state === state && state !== "failed") return;
    this.state = state;
    this.onChange(this);
  }
}

/** @param {Response} answer @param {string} text @returns {Answer} */
function read(answer, text) {
  const tag = /^"(\d+)"$/.exec(answer.headers.get("etag") ?? "");
  const replayed = answer.headers.get("idempotency-replayed") === "true";
  return { status: answer.status, body: text ? JSON.parse(text) : undefined, revision: tag ? Number(tag[1]) : undefined, replayed };
}

/** How many bytes a text has. @param {string} text */
function utf8(text) {
  return new TextEncoder().encode(text).length;
}

/** @param {string} text @returns {Record<string, any>} */
function json(text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

/** The fields of a block of a stream. @param {string} block */
function fields(block) {
  /** @type {{id?: string, event?: string, data?: string}} */
  const found = {};
  for (const line of block.split("\n")) {
    const [, name, value] = /^([a-z]+): ?(.*)$/.exec(line) ?? [];
    if (name === "data" && found.data !== undefined) found.data += `\n${value}`;
    else if (name) found[name] = value;
  }
  return found;
}

/** Whether the same may be answered otherwise a little later. @param {number} status */
function mayPass(status) {
  return status === 0 || status === 429 || status === 502 || status === 503 || status === 504;
}

/** How long to wait after so many failures: longer each time, and never all clients at the same moment. @param {number} failed */
function backOff(failed) {
  const most = Math.min(RETRY_FIRST * 2 ** (failed - 1), RETRY_LAST);
  return most / 2 + Math.random() * (most / 2);
}

/** @param {number} time @param {AbortSignal} [signal] @returns {Promise<void>} */
function wait(time, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const ended = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", ended);
      resolve();
    }, time);
    signal?.addEventListener("abort", ended, { once: true });
  });
}
