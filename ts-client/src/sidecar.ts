/**
 * One running sidecar: its process and the connection to it, which live and die together. It is never restarted; the
 * session makes a new one.
 */
import { Connection, type RequestOptions } from "./connection.js";
import { type ErrorKind, errorOf } from "./error-kinds.js";
import { isRecord, messageOf, type PyRunnerError } from "./errors.js";
import { findSidecar, type SidecarCommand } from "./find-sidecar.js";
import type { Logger, PyRunnerOptions } from "./options.js";
import type { InitializeResult, OutputParams } from "./protocol.js";
import { describeExit, SidecarProcess } from "./sidecar-process.js";
import { exitsWithin, stop, terminate } from "./stop.js";

/** The version of the wire that this package speaks. */
const PROTOCOL_VERSION = 1;
/** From spawn to the first reply; importing a Python program on a busy machine takes seconds. */
const START_WAIT_MS = 60_000;
/** Between the end of stdout and the end of the process, so that the error can name the exit code. */
const EXIT_STATUS_WAIT_MS = 1_000;

export interface SidecarOptions {
  readonly sidecar: PyRunnerOptions["sidecar"];
  /** All of its variables. */
  readonly env: Readonly<Record<string, string>>;
  readonly logger: Logger | undefined;
}

export type OutputHandler = (output: OutputParams) => void;

export class Sidecar {
  /** Resolves, never rejects, with the reason for which no further call can be made. */
  readonly failed: Promise<PyRunnerError>;
  readonly #process: SidecarProcess;
  readonly #connection: Connection;
  readonly #outputHandlers = new Map<string, OutputHandler>();
  #stopped: Promise<void> | undefined;
  #isReady = false;

  private constructor(process: SidecarProcess, logger: Logger | undefined) {
    this.#process = process;
    this.#connection = new Connection({
      readable: process.stdout,
      writable: process.stdin,
      explainEnd: (cause) => this.#explain(cause),
      onUnaddressedError: (message) =>
        logger?.warn(`pyrunner: the sidecar refused a message without saying which: ${message}`),
    });
    this.failed = this.#connection.failed;
    this.#connection.onNotification("run/output", (params) => this.#route(params));
    process.exited.then((status) => {
      // A process that did not start has no pipes whose end could be seen.
      if (status.spawnError !== undefined) this.#connection.fail(this.#exitError(describeExit(status)));
    });
    // However it failed, nothing of it stays behind.
    this.failed.then(() => this.#stopped ?? terminate(process));
  }

  /** Find it and start it; `hello` tells whether it works. */
  static async start({ sidecar, env, logger }: SidecarOptions): Promise<Sidecar> {
    const command = await findSidecar({ sidecar, env });
    logger?.debug(`pyrunner: starting ${[command.command, ...command.args].join(" ")} (${command.origin})`);
    return new Sidecar(spawnSidecar(command, env), logger);
  }

  /** Wait until it has answered, and make sure that it speaks our version of the protocol. */
  async hello(): Promise<void> {
    const reply = await this.call("initialize", {}, { deadlineMs: START_WAIT_MS });
    const version = isRecord(reply) ? reply.protocolVersion : undefined;
    if (version !== PROTOCOL_VERSION) {
      const reason = this.#error(
        "sidecar_protocol",
        `The sidecar from ${this.#process.command.origin} speaks version ${String(version)} of the protocol, this package ` +
          `version ${PROTOCOL_VERSION}: install the pyrunner-sidecar and the pyrunner of one release.`,
      );
      this.#connection.fail(reason);
      throw reason;
    }
    const { limits } = reply as Partial<InitializeResult>;
    if (limits !== undefined) this.#connection.limitSent(limits.maxMessageBytes);
    this.#isReady = true;
  }

  /** One request; the host's event loop stays alive until it has settled. */
  async call(method: string, params: object | undefined, options: RequestOptions): Promise<unknown> {
    this.#process.hold();
    try {
      return await this.#connection.request(method, params, options);
    } finally {
      this.#process.release();
    }
  }

  /** Hand the output of one streamed run to `handler`, until the returned function is called. */
  onOutput(runId: string, handler: OutputHandler): () => void {
    this.#outputHandlers.set(runId, handler);
    return () => this.#outputHandlers.delete(runId);
  }

  /** Stop it: in order, unless it is not even ready. Resolves when the process is gone. */
  close(): Promise<void> {
    this.#stopped ??= (this.#isReady ? stop(this.#process, this.#connection) : terminate(this.#process)).then(
      () => this.#connection.fail(closedError()),
    );
    return this.#stopped;
  }

  #route(params: unknown): void {
    if (!isRecord(params) || typeof params.runId !== "string") return;
    this.#outputHandlers.get(params.runId)?.(params as unknown as OutputParams);
  }

  /** The stream ended or broke: say what happened to the process, which is what the host can act on. */
  async #explain(cause: PyRunnerError): Promise<PyRunnerError> {
    if (this.#stopped !== undefined) return closedError();
    if (cause.code === "sidecar_protocol")
      return this.#error(cause.code, `${cause.message}; it was ended.`, { cause });
    this.#process.hold();
    const hasExited = await exitsWithin(this.#process, EXIT_STATUS_WAIT_MS);
    this.#process.release();
    if (!hasExited)
      return this.#error("sidecar_exited", "The sidecar closed its output and was ended.", { cause });
    const status = await this.#process.exited;
    return this.#exitError(describeExit(status), { exitCode: status.exitCode, signal: status.signal });
  }

  #exitError(what: string, facts: Record<string, unknown> = {}): PyRunnerError {
    const { command, args, origin } = this.#process.command;
    const message = this.#isReady
      ? `The sidecar ${what}; the calls in flight are lost.`
      : `Failed to spawn Python process: ${[command, ...args].join(" ")} (${origin}) ${what}.`;
    return this.#error("sidecar_exited", message, facts);
  }

  #error(code: ErrorKind, message: string, facts: Record<string, unknown> = {}): PyRunnerError {
    const { stderrTail } = this.#process;
    const { cause, ...data } = facts;
    const full = stderrTail === "" ? message : `${message}\nIts last words on stderr:\n${stderrTail}`;
    return errorOf(code, full, {
      data: { ...data, stderrTail },
      ...(cause === undefined ? {} : { cause }),
    });
  }
}

/** Most failures to spawn come as an event; a few (a NUL byte, an environment that is too large) are thrown. */
function spawnSidecar(command: SidecarCommand, env: SidecarOptions["env"]): SidecarProcess {
  try {
    return new SidecarProcess(command, env);
  } catch (cause) {
    const message = `Failed to spawn Python process: ${command.command} (${command.origin}): ${messageOf(cause)}.`;
    throw errorOf("sidecar_exited", message, { cause });
  }
}

function closedError(): PyRunnerError {
  return errorOf("closed", "The runner was closed.");
}
