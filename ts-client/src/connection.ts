/**
 * JSON-RPC over two streams. Every call ends: by its reply, by the end of the stream, by its own deadline, or, once it
 * was cancelled, by the sidecar's answer to that within a bounded time. The first cause of failure is the one reported.
 */
import type { Readable, Writable } from "node:stream";
import {
  CancellationTokenSource,
  createMessageConnection,
  ErrorCodes,
  type MessageConnection,
  ParameterStructures,
  ResponseError,
} from "vscode-jsonrpc/node";
import { errorFromWire, errorOf } from "./error-kinds.js";
import { messageOf, PyRunnerError } from "./errors.js";
import { END_OF_STREAM, FrameReader, UNADDRESSED_ERROR } from "./frame-reader.js";
import { FrameWriter } from "./frame-writer.js";

/** What a sidecar accepts that has not told its limit yet; beyond it a request would get no answer to its id. */
const SEND_MAX_BYTES = 64 * 1024 * 1024;
/** Just under the longest string of V8; the sidecar's own limits on results and output are far below it. */
const RECEIVE_MAX_BYTES = 511 * 1024 * 1024;
/** How long the sidecar may take to answer a cancelled call: it kills a process first, on a machine that may be busy. */
const CANCEL_GRACE_MS = 5_000;
/** setTimeout fires at once above this. */
const TIMER_MAX_MS = 2 ** 31 - 1;

export interface ConnectionOptions {
  readonly readable: Readable;
  readonly writable: Writable;
  readonly sendMaxBytes?: number;
  readonly receiveMaxBytes?: number;
  readonly cancelGraceMs?: number;
  /** Asked once, when the stream ended or broke: turns the bare fact into an error that says what happened to the peer. */
  readonly explainEnd?: (cause: PyRunnerError) => Promise<PyRunnerError>;
  /** Told the message of each error that the peer sent without saying which call it is about. */
  readonly onUnaddressedError?: (message: string) => void;
}

export interface RequestOptions {
  /**
   * After this many milliseconds without a reply the peer counts as stuck, and the whole connection fails; only this
   * call does if the peer has sent an error that may have been its reply.
   */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

export class Connection {
  /** Resolves, never rejects, with the reason for which this connection came to its end. */
  readonly failed: Promise<PyRunnerError>;
  readonly #rpc: MessageConnection;
  readonly #writer: FrameWriter;
  readonly #cancelGraceMs: number;
  #hasFailed = false;
  /** Errors that came without an id: as many calls may get no reply although the peer is in order. */
  #unaddressedErrors = 0;
  #fail!: (reason: PyRunnerError) => void;

  constructor(options: ConnectionOptions) {
    const reader = new FrameReader(options.readable, {
      maxMessageBytes: options.receiveMaxBytes ?? RECEIVE_MAX_BYTES,
    });
    this.#writer = new FrameWriter(options.writable, {
      maxMessageBytes: options.sendMaxBytes ?? SEND_MAX_BYTES,
    });
    this.#cancelGraceMs = options.cancelGraceMs ?? CANCEL_GRACE_MS;
    this.#rpc = createMessageConnection(reader, this.#writer);
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
    this.failed.then(() => {
      this.#hasFailed = true;
      this.#rpc.dispose();
    });

    const explain = options.explainEnd ?? (async (cause) => cause);
    let ending = false;
    const end = (cause: PyRunnerError): void => {
      if (ending) return;
      ending = true;
      explain(cause).then(this.#fail, () => this.#fail(cause));
    };
    this.#rpc.onNotification(END_OF_STREAM, () =>
      end(reader.failure ?? errorOf("sidecar_exited", "the sidecar closed its output")),
    );
    this.#rpc.onNotification(UNADDRESSED_ERROR, (error: { message?: unknown }) => {
      this.#unaddressedErrors += 1;
      options.onUnaddressedError?.(String(error.message));
    });
    this.#rpc.onError(([cause]) =>
      end(errorOf("sidecar_exited", `the sidecar cannot be reached: ${messageOf(cause)}`, { cause })),
    );
    this.#rpc.listen();
  }

  /** The peer has told what it accepts; from here on a longer message fails alone, before it is sent. */
  limitSent(maxBytes: number): void {
    this.#writer.maxMessageBytes = maxBytes;
  }

  /** Send a request and wait for its result. Rejects with `signal.reason` after an abort, else with a PyRunnerError. */
  async request(method: string, params: object | undefined, options: RequestOptions): Promise<unknown> {
    const { signal, deadlineMs } = options;
    signal?.throwIfAborted();
    const cancellation = new CancellationTokenSource();
    let endAlone!: (reason: PyRunnerError) => void;
    const endedAlone = new Promise<never>((_, reject) => {
      endAlone = reject;
    });
    const timers = [
      this.#failAfter(deadlineMs, `did not answer \`${method}\` within ${deadlineMs} ms`, endAlone),
    ];
    const cancel = (): void => {
      if (this.#hasFailed) return;
      cancellation.cancel();
      timers.push(this.#failAfter(this.#cancelGraceMs, `did not end a cancelled \`${method}\``, endAlone));
    };
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      const { token } = cancellation;
      const reply: Promise<unknown> =
        params === undefined
          ? this.#rpc.sendRequest(method, token)
          : this.#rpc.sendRequest(method, ParameterStructures.byName, params, token);
      const result = await Promise.race([reply, endedAlone]);
      signal?.throwIfAborted(); // The result was on its way when the host gave up on it.
      return result;
    } catch (error) {
      signal?.throwIfAborted();
      throw await this.#translate(error);
    } finally {
      signal?.removeEventListener("abort", cancel);
      for (const timer of timers) clearTimeout(timer);
      cancellation.dispose();
    }
  }

  /** Send a notification; a peer that is gone does not matter here. */
  async notify(method: string): Promise<void> {
    try {
      await this.#rpc.sendNotification(method);
    } catch {
      // Disposed, or the pipe is broken.
    }
  }

  onNotification(method: string, handler: (params: unknown) => void): void {
    this.#rpc.onNotification(method, handler);
  }

  /** End this connection: whatever is pending fails with `reason`, unless an earlier reason was given. */
  fail(reason: PyRunnerError): void {
    this.#fail(reason);
  }

  #failAfter(delayMs: number, what: string, endAlone: (reason: PyRunnerError) => void): NodeJS.Timeout {
    const fail = (): void => {
      if (this.#unaddressedErrors === 0) {
        this.#fail(errorOf("sidecar_unresponsive", `The sidecar ${what}; it was ended.`));
      } else {
        this.#unaddressedErrors -= 1;
        endAlone(errorOf("sidecar_unresponsive", `The sidecar ${what}.`));
      }
    };
    return setTimeout(fail, Math.min(delayMs, TIMER_MAX_MS));
  }

  /** vscode-jsonrpc's errors into ours. */
  async #translate(error: unknown): Promise<unknown> {
    if (error instanceof PyRunnerError) return error;
    if (!(error instanceof ResponseError)) return this.failed; // The connection was closed or disposed before sending.
    if (error.code === ErrorCodes.PendingResponseRejected) return this.failed;
    if (error.code === ErrorCodes.MessageWriteError) {
      if (this.#writer.isBroken) return this.failed;
      return errorOf("invalid_params", `The call was not sent: ${error.message}.`, {
        cause: error,
      });
    }
    return errorFromWire(error.code, error.message, error.data);
  }
}
