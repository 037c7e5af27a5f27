/** The events of a PyRunner. A listener that throws is the listener's affair: it is logged, and the run goes on. */
import type { EventEmitter } from "node:events";
import { messageOf, type PyRunnerError } from "./errors.js";
import type { Logger } from "./options.js";
import type { RunRecord } from "./run-record.js";

/** What a tool has just printed. */
export interface RunOutput {
  readonly runId: string;
  /** Absent for inline code. */
  readonly toolId?: string;
  readonly text: string;
}

/** Event names and what their listeners get. */
export interface PyRunnerEvents {
  /** A run has ended, well or not; also one that never reached a tool. */
  run: [record: RunRecord];
  /** A tool prints. While anybody listens, every run is streamed. */
  stdout: [output: RunOutput];
  stderr: [output: RunOutput];
  /** A new sidecar has taken the place of one that ended, with every tool registered again. */
  restart: [];
  /** The sidecar has ended; `reason.code` is `closed` where it was told to. */
  exit: [reason: PyRunnerError];
}

/** Emit to listeners that may throw. */
export function tell<E extends keyof PyRunnerEvents>(
  emitter: EventEmitter<PyRunnerEvents>,
  logger: Logger | undefined,
  event: E,
  ...payload: PyRunnerEvents[E]
): void {
  for (const listener of emitter.rawListeners(event)) {
    try {
      Reflect.apply(listener, emitter, payload);
    } catch (error) {
      logger?.warn(`pyrunner: a listener of "${event}" threw: ${messageOf(error)}`);
    }
  }
}
