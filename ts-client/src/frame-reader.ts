/**
 * Frames in, messages out: `Content-Length: N\r\n\r\n` and N bytes of UTF-8 JSON.
 *
 * vscode-jsonrpc's own reader has no upper bound and waits for ever after a stray line on stdout. This one refuses the
 * first byte that cannot belong to a frame. However the stream ends, `END_OF_STREAM` goes through the same queue as
 * the messages, so that replies which arrived before the end are still delivered.
 */
import type { Readable } from "node:stream";
import { AbstractMessageReader, type DataCallback, type Disposable, type Message } from "vscode-jsonrpc/node";
import { errorOf } from "./error-kinds.js";
import { isRecord, messageOf, PyRunnerError } from "./errors.js";

export const END_OF_STREAM = "$/endOfStream";
/** Stands for an error with `id: null`, which says that a message was refused, but not which. Its params are the error. */
export const UNADDRESSED_ERROR = "$/unaddressedError";

const HEADER_MAX_BYTES = 1024;
const EXCERPT_CHARS = 200;
const HEADER_END = Buffer.from("\r\n\r\n");
const HEADER_START = "content-";

export class FrameReader extends AbstractMessageReader {
  /** Why the stream ended, if it was not by its plain end. */
  failure: PyRunnerError | undefined;
  readonly #readable: Readable;
  readonly #maxMessageBytes: number;
  #chunks: Buffer[] = [];
  #buffered = 0;
  /** Bytes of the body that is being waited for; undefined while in a header. */
  #bodyBytes: number | undefined;
  #deliver: DataCallback | undefined;

  constructor(readable: Readable, { maxMessageBytes }: { maxMessageBytes: number }) {
    super();
    this.#readable = readable;
    this.#maxMessageBytes = maxMessageBytes;
  }

  listen(deliver: DataCallback): Disposable {
    this.#deliver = deliver;
    this.#readable.on("data", this.#onData);
    this.#readable.once("close", this.#onEnd);
    this.#readable.once("end", this.#onEnd);
    this.#readable.once("error", this.#onEnd);
    return this;
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#deliver === undefined) return; // After the end the pipe is only drained.
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    try {
      while (this.#step());
    } catch (error) {
      this.failure = error instanceof PyRunnerError ? error : protocolError(messageOf(error));
      this.#onEnd();
    }
  };

  readonly #onEnd = (): void => {
    const deliver = this.#deliver;
    this.#deliver = undefined;
    this.#chunks = [];
    deliver?.({ jsonrpc: "2.0", method: END_OF_STREAM } as Message);
  };

  /** Take one header or one body out of the buffer; false when more bytes are needed. */
  #step(): boolean {
    if (this.#bodyBytes === undefined) {
      const buffer = this.#joined();
      const end = buffer.indexOf(HEADER_END);
      if (end < 0) return refuseForeignBytes(buffer);
      this.#bodyBytes = contentLength(buffer.subarray(0, end), this.#maxMessageBytes);
      this.#keep(buffer.subarray(end + HEADER_END.length));
      return true;
    }
    // Joined only when complete: joining at every chunk would copy a large reply once for each 64 KiB of it.
    if (this.#buffered < this.#bodyBytes) return false;
    const buffer = this.#joined();
    const body = buffer.subarray(0, this.#bodyBytes);
    this.#keep(buffer.subarray(this.#bodyBytes));
    this.#bodyBytes = undefined;
    this.#deliver?.(parseMessage(body));
    return this.#buffered > 0;
  }

  #joined(): Buffer {
    const [first] = this.#chunks;
    return first !== undefined && this.#chunks.length === 1
      ? first
      : Buffer.concat(this.#chunks, this.#buffered);
  }

  #keep(rest: Buffer): void {
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#buffered = rest.length;
  }
}

/** Throw at bytes that cannot become a header; otherwise false: wait for more. */
function refuseForeignBytes(buffer: Buffer): false {
  const start = buffer.subarray(0, HEADER_START.length).toString("latin1").toLowerCase();
  const lineEnd = buffer.indexOf("\n");
  const bareLineEnd = lineEnd >= 0 && buffer[lineEnd - 1] !== 0x0d;
  if (!HEADER_START.startsWith(start) || bareLineEnd || buffer.length > HEADER_MAX_BYTES) {
    throw protocolError(`the sidecar wrote something else than a frame to stdout: ${excerpt(buffer)}`);
  }
  return false;
}

function contentLength(header: Buffer, maxBytes: number): number {
  const match = /^content-length:[ \t]*(\d{1,15})[ \t]*$/im.exec(header.toString("latin1"));
  if (match === null || header.length > HEADER_MAX_BYTES) {
    throw protocolError(`the sidecar wrote a frame without a Content-Length: ${excerpt(header)}`);
  }
  const bytes = Number(match[1]);
  if (bytes > maxBytes) {
    throw protocolError(
      `the sidecar announced a message of ${bytes} bytes; at most ${maxBytes} are accepted`,
    );
  }
  return bytes;
}

function parseMessage(body: Buffer): Message {
  let message: unknown;
  try {
    message = JSON.parse(body.toString("utf8"));
  } catch (cause) {
    throw protocolError(`the sidecar sent a message that is not JSON: ${excerpt(body)}`, cause);
  }
  if (!isRecord(message) || message.jsonrpc !== "2.0") {
    throw protocolError(`the sidecar sent JSON that is not a JSON-RPC message: ${excerpt(body)}`);
  }
  const isReply = !("method" in message);
  if (isReply && message.id === null && isRecord(message.error)) {
    return { jsonrpc: "2.0", method: UNADDRESSED_ERROR, params: message.error } as Message;
  }
  // Nobody could say which call such a reply belongs to, so that call would wait for ever.
  if (isReply && typeof message.id !== "number") {
    throw protocolError(`the sidecar sent a reply that belongs to no call: ${excerpt(body)}`);
  }
  if (isReply && !("result" in message) && !isRecord(message.error)) {
    throw protocolError(`the sidecar sent a reply with neither a result nor an error: ${excerpt(body)}`);
  }
  return message as unknown as Message;
}

function excerpt(bytes: Buffer): string {
  return JSON.stringify(bytes.subarray(0, EXCERPT_CHARS).toString("utf8"));
}

function protocolError(message: string, cause?: unknown): PyRunnerError {
  return errorOf("sidecar_protocol", message, cause === undefined ? {} : { cause });
}
