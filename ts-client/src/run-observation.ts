/** One run as those see it who look on: its trace from the beginning, its record at the end. */
import type { EventEmitter } from "node:events";
import type { PyRunnerOptions } from "./options.js";
import { recordOf } from "./run-record.js";
import { type PyRunnerEvents, tell } from "./runner-events.js";
import { type RunStart, type RunTrace, traceOf } from "./telemetry.js";
import type { RunResult } from "./tool-result.js";

interface Begun extends Omit<RunStart, "startedAtMs"> {
  /** Where the host has chosen it; else the sidecar does. */
  readonly runId: string | undefined;
  readonly signal: AbortSignal | undefined;
}

export class RunObservation {
  readonly #emitter: EventEmitter<PyRunnerEvents>;
  readonly #options: PyRunnerOptions;
  readonly #begun: Begun;
  readonly #trace: RunTrace;
  readonly #startedAtMs = Date.now();
  readonly #startedMs = performance.now();

  constructor(emitter: EventEmitter<PyRunnerEvents>, options: PyRunnerOptions, begun: Begun) {
    this.#emitter = emitter;
    this.#options = options;
    this.#begun = begun;
    const { runId, signal, ...start } = begun;
    this.#trace = traceOf(options.telemetry, options.logger, { ...start, startedAtMs: this.#startedAtMs });
  }

  /** What the sidecar is told of the trace. */
  get traceparent(): string | undefined {
    return this.#trace.traceparent;
  }

  /** The run has ended with a reply, or rejects with an error. Called once. */
  ended(outcome: { readonly reply: RunResult } | { readonly error: unknown }): void {
    const { toolId, runId, signal } = this.#begun;
    const durationMs = performance.now() - this.#startedMs;
    const record = recordOf({
      toolId,
      runId,
      startedAtMs: this.#startedAtMs,
      durationMs,
      signal,
      ...outcome,
    });
    this.#trace.runEnded(record, "reply" in outcome ? outcome.reply : undefined);
    tell(this.#emitter, this.#options.logger, "run", record);
  }
}
