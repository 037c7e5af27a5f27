/**
 * Messages in, frames out, one write for each. A message that cannot be sent (a cycle, a BigInt, too many bytes) fails
 * alone, before anything is written; a broken pipe fails the connection.
 */
import type { Writable } from "node:stream";
import { AbstractMessageWriter, type Message, type MessageWriter } from "vscode-jsonrpc/node";
import { messageOf } from "./errors.js";

export class FrameWriter extends AbstractMessageWriter implements MessageWriter {
  readonly #writable: Writable;
  readonly #maxMessageBytes: number;

  constructor(writable: Writable, { maxMessageBytes }: { maxMessageBytes: number }) {
    super();
    this.#writable = writable;
    this.#maxMessageBytes = maxMessageBytes;
    writable.on("error", (error) => this.fireError(error));
  }

  /** True once nothing can be written any more, whatever the message. */
  get isBroken(): boolean {
    return this.#writable.destroyed || this.#writable.writableEnded;
  }

  write(message: Message): Promise<void> {
    return new Promise((resolve, reject) => {
      const body = Buffer.from(toJson(message), "utf8");
      if (body.length > this.#maxMessageBytes) {
        throw new RangeError(
          `it has ${body.length} bytes as JSON; at most ${this.#maxMessageBytes} can be sent`,
        );
      }
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
    throw new TypeError(`it cannot be written as JSON: ${messageOf(cause)}`, { cause });
  }
}
