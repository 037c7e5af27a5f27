import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import test from "node:test";
import type { Message } from "vscode-jsonrpc/node";
import { END_OF_STREAM, FrameReader, UNADDRESSED_ERROR } from "../src/frame-reader.js";

const MAX_BYTES = 1000;

function frame(body: string): string {
  return `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

/** Feed the pieces one by one; all that was read, up to the end of the stream. */
function read(pieces: Iterable<Buffer>): { messages: Message[]; failure: string | undefined } {
  const stream = new PassThrough();
  const reader = new FrameReader(stream, { maxMessageBytes: MAX_BYTES });
  const messages: Message[] = [];
  reader.listen((message) => messages.push(message));
  for (const piece of pieces) stream.emit("data", piece);
  return { messages, failure: reader.failure?.message };
}

test("messages are the same wherever the stream is split", () => {
  const bytes = Buffer.from(
    frame('{"jsonrpc":"2.0","id":0,"result":"Київ 🐍"}') +
      frame('{"jsonrpc":"2.0","method":"note","params":{}}'),
  );
  const whole = read([bytes]).messages;
  assert.equal(whole.length, 2);
  for (let at = 1; at < bytes.length; at += 1) {
    assert.deepEqual(read([bytes.subarray(0, at), bytes.subarray(at)]).messages, whole, `split at ${at}`);
  }
  const singles = Array.from(bytes, (byte) => Buffer.from([byte]));
  assert.deepEqual(read(singles).messages, whole, "byte by byte");
});

test("a header may be in lower case, without a space, and beside a Content-Type", () => {
  const body = '{"jsonrpc":"2.0","id":0,"result":null}';
  const head = `content-type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-length:${body.length}\r\n\r\n`;
  assert.equal(read([Buffer.from(head + body)]).messages.length, 1);
});

const refusals: [name: string, bytes: string, message: RegExp][] = [
  ["a stray line", "hello\n", /something else than a frame.*hello/],
  ["a stray text without a line end", "warning: x", /something else than a frame/],
  ["a header that never ends", `Content-Type: ${"x".repeat(2000)}`, /something else than a frame/],
  ["a header with a bare line feed", "Content-Length: 2\n\n{}", /something else than a frame/],
  ["a frame without a length", "Content-Type: json\r\n\r\n{}", /without a Content-Length/],
  ["a negative length", "Content-Length: -1\r\n\r\n", /without a Content-Length/],
  [
    "a length above the limit",
    `Content-Length: ${MAX_BYTES + 1}\r\n\r\n`,
    /announced a message of 1001 bytes/,
  ],
  ["a length of 10^30", `Content-Length: 1${"0".repeat(30)}\r\n\r\n`, /without a Content-Length/],
  ["a body that is not JSON", frame('{"jsonrpc":"2.0","id":0,"result":NaN}'), /not JSON/],
  ["a body that is no message", frame("[]"), /not a JSON-RPC message/],
  ["a reply to nothing", frame('{"jsonrpc":"2.0","id":null,"result":1}'), /belongs to no call/],
  ["a reply without an outcome", frame('{"jsonrpc":"2.0","id":1}'), /neither a result nor an error/],
];
for (const [name, bytes, expected] of refusals) {
  test(`${name} ends the stream with a clear reason, after the messages before it`, () => {
    const good = frame('{"jsonrpc":"2.0","id":0,"result":1}');
    const { messages, failure } = read([Buffer.from(good + bytes), Buffer.from(good)]);
    assert.match(failure ?? "", expected);
    assert.deepEqual(messages, [
      { jsonrpc: "2.0", id: 0, result: 1 },
      { jsonrpc: "2.0", method: END_OF_STREAM },
    ]);
  });
}

test("an error without an id is a message of its own, and the stream goes on", () => {
  const error = { code: -32700, message: "what?" };
  const good = '{"jsonrpc":"2.0","id":0,"result":1}';
  const { messages, failure } = read([
    Buffer.from(frame(JSON.stringify({ jsonrpc: "2.0", id: null, error })) + frame(good)),
  ]);
  assert.equal(failure, undefined);
  assert.deepEqual(messages, [
    { jsonrpc: "2.0", method: UNADDRESSED_ERROR, params: error },
    { jsonrpc: "2.0", id: 0, result: 1 },
  ]);
});
