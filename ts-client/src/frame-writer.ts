/**
 * Messages in, frames out, one write for each. A message that cannot be sent (a cycle, a BigInt, too many bytes or
 * levels) fails alone, before anything is written; a broken pipe fails the connection.
 */
import type { Writable } from "node:stream";
import { AbstractMessageWriter, type Message, type MessageWriter } from "vscode-jsonrpc/node";
import { messageOf } from "./errors.js";

/** What the sidecar accepts, the message and its params included. */
const MAX_DEPTH = 200;

export class FrameWriter extends AbstractMessageWriter implements MessageWriter {
  /** What the peer accepts. */
  maxMessageBytes: number;
  readonly #writable: Writable;

  constructor(writable: Writable, { maxMessageBytes }: { maxMessageBytes: number }) {
    super();
    this.#writable = writable;
    this.maxMessageBytes = maxMessageBytes;
    writable.on("error", (error) => this.fireError(error));
  }

  /** True once nothing can be written any more, whatever the message. */
  get isBroken(): boolean {
    return this.#writable.destroyed || this.#writable.writableEnded;
  }

  write(message: Message): Promise<void> {
    return new Promise((resolve, reject) => {
      const body = Buffer.from(toJson(message), "utf8");
      if (body.length > this.maxMessageBytes) {
        throw new RangeError(
          `it has ${body.length} bytes as JSON; at most ${this.maxMessageBytes} can be sent`,
        );
      }
      if (isDeeperThan(MAX_DEPTH, body)) throw tooDeep();
      const frame = Buffer.concat([Buffer.from(`Content-Length: ${body.length}\r\n\r\n`, "latin1"), body]);
      this.#writable.write(frame, (error) => (error ? reject(error) : resolve()));
    });
  }

  end(): void {
    this.#writable.end();
  }
}

function toJson(message: Message): string {
  try {
    return JSON.stringify(message);
  } catch (cause) {
    if (/call stack/.test(messageOf(cause))) throw tooDeep(); // Thousands of levels, or a `toJSON` without end.
    throw new TypeError(`it cannot be written as JSON: ${messageOf(cause)}`, { cause });
  }
}

function tooDeep(): RangeError {
  return new RangeError(
    `it is nested deeper than ${MAX_DEPTH} levels, the two of the message around the arguments included`,
  );
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const [BRACKET, BRACE] = [0x5b, 0x7b];
const [END_BRACKET, END_BRACE] = [0x5d, 0x7d];

/** Whether this JSON has more levels than that. On its text, since only that shows what `toJSON` made of the values. */
function isDeeperThan(levels: number, json: Buffer): boolean {
  let depth = 0;
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at] as number;
    if (byte === QUOTE) at = endOfString(json, at);
    else if (byte === BRACKET || byte === BRACE) depth += 1;
    else if (byte === END_BRACKET || byte === END_BRACE) depth -= 1;
    if (depth > levels) return true;
  }
  return false;
}

/** Most strings are shorter than what a native search takes to begin. */
const STEPS_MAX = 64;

/** Where the string that begins at `start` has its closing quote: some steps, then a search, for long texts. */
function endOfString(json: Buffer, start: number): number {
  let at = start + 1;
  for (const last = Math.min(start + STEPS_MAX, json.length); at < last; at += 1) {
    const byte = json[at];
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH) at += 1; // What it escapes ends nothing.
  }
  for (at -= 1; ; ) {
    at = json.indexOf(QUOTE, at + 1);
    let before = at - 1;
    while (json[before] === BACKSLASH) before -= 1;
    if ((at - before) % 2 === 1) return at; // An even number of backslashes escape each other.
  }
}
