import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import test from "node:test";
import { Connection, type ConnectionOptions } from "../src/connection.js";
import { FrameReader } from "../src/frame-reader.js";

interface Sent {
  id: number;
  method: string;
  params?: { id?: number };
}

/** A connection whose other end is the test: what it sent, as a queue, and a way to answer. */
function pair(options: Partial<ConnectionOptions> = {}) {
  const toPeer = new PassThrough();
  const fromPeer = new PassThrough();
  const connection = new Connection({ readable: fromPeer, writable: toPeer, ...options });
  const sent: Sent[] = [];
  const waiting: ((message: Sent) => void)[] = [];
  new FrameReader(toPeer, { maxMessageBytes: 1e6 }).listen((message) => {
    const next = waiting.shift();
    if (next) next(message as unknown as Sent);
    else sent.push(message as unknown as Sent);
  });
  return {
    connection,
    toPeer,
    fromPeer,
    /** The next message that the connection sends. */
    next: () =>
      new Promise<Sent>((resolve) => {
        const message = sent.shift();
        if (message) resolve(message);
        else waiting.push(resolve);
      }),
    answer(message: object) {
      const body = JSON.stringify({ jsonrpc: "2.0", ...message });
      fromPeer.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    },
  };
}

const deadlineMs = 5_000;

test("a call resolves with its result", async () => {
  const peer = pair();
  const call = peer.connection.request("run", { id: "a" }, { deadlineMs });
  const { id, method, params } = await peer.next();
  assert.deepEqual({ method, params }, { method: "run", params: { id: "a" } });
  peer.answer({ id, result: null });
  assert.equal(await call, null);
});

test("an error of the wire becomes a PyRunnerError with its kind, code and data", async () => {
  const peer = pair();
  const call = peer.connection.request("run", {}, { deadlineMs });
  const { id } = await peer.next();
  const data = { kind: "queue_full", retryAfterMs: 7 };
  peer.answer({ id, error: { code: -32013, message: "full", data } });
  await assert.rejects(call, {
    name: "QueueFullError",
    code: "queue_full",
    rpcCode: -32013,
    message: "full",
    data: { retryAfterMs: 7 },
    isRetryable: true,
  });
});

test("an aborted call sends a cancel and rejects with the signal's reason once the peer has answered", async () => {
  const peer = pair();
  const controller = new AbortController();
  const call = peer.connection.request("run", {}, { deadlineMs, signal: controller.signal });
  const { id } = await peer.next();
  const reason = new Error("changed my mind");
  controller.abort(reason);
  assert.deepEqual((await peer.next()).params, { id });
  peer.answer({ id, error: { code: -32800, message: "cancelled", data: { kind: "cancelled" } } });
  await assert.rejects(call, reason);
});

test("a call with an aborted signal sends nothing", async () => {
  const peer = pair();
  const signal = AbortSignal.abort();
  await assert.rejects(peer.connection.request("run", {}, { deadlineMs, signal }), { name: "AbortError" });
  peer.connection.request("list", undefined, { deadlineMs }).catch(() => undefined);
  assert.equal((await peer.next()).method, "list");
  peer.fromPeer.end();
});

test("a cancel that the peer does not answer ends the connection, and the call with the signal's reason", async () => {
  const peer = pair({ cancelGraceMs: 20 });
  const controller = new AbortController();
  const call = peer.connection.request("run", {}, { deadlineMs, signal: controller.signal });
  const other = peer.connection.request("run", {}, { deadlineMs });
  await peer.next();
  controller.abort();
  await assert.rejects(call, { name: "AbortError" });
  await assert.rejects(other, { code: "sidecar_unresponsive" });
});

test("a call without an answer fails at its own deadline", async () => {
  const peer = pair();
  await assert.rejects(peer.connection.request("run", {}, { deadlineMs: 20 }), {
    code: "sidecar_unresponsive",
    message: "The sidecar did not answer `run` within 20 ms; it was ended.",
  });
});

test("the end of the stream fails every pending call and every later one", async () => {
  const peer = pair();
  const calls = [1, 2, 3].map(() => peer.connection.request("run", {}, { deadlineMs }));
  await peer.next();
  peer.fromPeer.end();
  for (const call of calls) await assert.rejects(call, { code: "sidecar_exited" });
  await assert.rejects(peer.connection.request("run", {}, { deadlineMs }), { code: "sidecar_exited" });
});

test("replies that arrived before the end of the stream are delivered", async () => {
  const peer = pair();
  const calls = Array.from({ length: 50 }, () => peer.connection.request("run", {}, { deadlineMs }));
  for (const _ of calls) peer.answer({ id: (await peer.next()).id, result: "in time" });
  peer.fromPeer.end();
  assert.deepEqual(await Promise.all(calls), Array(50).fill("in time"));
});

test("the first reason for the end is the one reported", async () => {
  const peer = pair();
  const call = peer.connection.request("run", {}, { deadlineMs });
  await peer.next();
  peer.fromPeer.write("Segmentation fault\n");
  peer.fromPeer.end();
  await assert.rejects(call, { code: "sidecar_protocol", message: /Segmentation fault/ });
});

test("a message that cannot be sent fails alone", async () => {
  const peer = pair({ sendMaxBytes: 1_000 });
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  for (const params of [cycle, { n: 1n }, { text: "x".repeat(1_000) }]) {
    await assert.rejects(peer.connection.request("run", params, { deadlineMs }), {
      code: "invalid_params",
      message: /^The call was not sent: it /,
    });
  }
  const call = peer.connection.request("run", {}, { deadlineMs });
  peer.answer({ id: (await peer.next()).id, result: "fine" });
  assert.equal(await call, "fine");
});

/** This many arrays, each in the other. */
function nested(levels: number): unknown {
  let value: unknown = [];
  for (let level = 1; level < levels; level += 1) value = [value];
  return value;
}

test("a message of 200 levels is sent, one of more fails alone and names the limit", async () => {
  const peer = pair();
  const brackets = '[{"\\" '.repeat(300);
  for (const args of [nested(198), { brackets, wide: Array(300).fill([{}]) }]) {
    const call = peer.connection.request("run", { args }, { deadlineMs });
    peer.answer({ id: (await peer.next()).id, result: "fine" });
    assert.equal(await call, "fine");
  }
  const toJSON = (): unknown => nested(199);
  for (const args of [nested(199), { toJSON }, nested(1_000_000)]) {
    await assert.rejects(peer.connection.request("run", { args }, { deadlineMs }), {
      code: "invalid_params",
      message: /^The call was not sent: it is nested deeper than 200 levels/,
    });
  }
});

test("an error without an id is reported, and only the call that gets no reply ends, by its own deadline", async () => {
  const reported: string[] = [];
  const peer = pair({ onUnaddressedError: (message) => reported.push(message) });
  const refused = peer.connection.request("run", {}, { deadlineMs: 50 });
  const other = peer.connection.request("run", {}, { deadlineMs });
  await peer.next();
  const { id } = await peer.next();
  peer.answer({ id: null, error: { code: -32700, message: "what?" } });
  await assert.rejects(refused, {
    code: "sidecar_unresponsive",
    message: "The sidecar did not answer `run` within 50 ms.",
  });
  peer.answer({ id, result: "fine" });
  assert.equal(await other, "fine");
  assert.deepEqual(reported, ["what?"]);
  const stuck = peer.connection.request("run", {}, { deadlineMs: 20 });
  await assert.rejects(stuck, { message: /it was ended/ }, "one error excuses one call");
});

test("an aborted call whose reply was an error without an id does not end the connection", async () => {
  const peer = pair({ cancelGraceMs: 20 });
  const controller = new AbortController();
  const refused = peer.connection.request("run", {}, { deadlineMs, signal: controller.signal });
  await peer.next();
  peer.answer({ id: null, error: { code: -32700, message: "what?" } });
  const other = peer.connection.request("run", {}, { deadlineMs });
  const { id } = await peer.next();
  controller.abort();
  await assert.rejects(refused, { name: "AbortError" });
  peer.answer({ id, result: "fine" });
  assert.equal(await other, "fine");
});

test("a broken pipe fails the calls", async () => {
  const peer = pair();
  peer.toPeer.destroy(new Error("EPIPE"));
  await assert.rejects(peer.connection.request("run", {}, { deadlineMs }), {
    code: "sidecar_exited",
    message: /EPIPE/,
  });
});
