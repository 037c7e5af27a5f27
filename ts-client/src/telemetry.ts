/**
 * The seam for traces: what a runner tells of a run while it goes on. `openTelemetry()` of `pyrunner/otel` is on the other
 * side of it; nothing here depends on a library for traces.
 *
 * Invariant: whatever a Telemetry does, the run is not touched by it.
 */
import { messageOf } from "./errors.js";
import type { Logger } from "./options.js";
import type { RunRecord } from "./run-record.js";
import type { RunResult } from "./tool-result.js";

/** Told of every run of a runner. */
export interface Telemetry {
  runStarted(run: RunStart): RunTrace;
}

export interface RunStart {
  /** Absent for inline code. */
  readonly toolId?: string;
  readonly description?: string;
  /** The model's id of this call, where the host gave it. */
  readonly toolCallId?: string;
  /** To be kept out of traces unless the host has asked for them. */
  readonly args: unknown;
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
  /** The W3C trace context that the host gave for this run. */
  readonly traceparent?: string;
}

/** One run's trace. */
export interface RunTrace {
  /** What the sidecar is told, so that its log lines can be found by the trace. */
  readonly traceparent: string | undefined;
  /** Called once. `reply` is absent where none came. */
  runEnded(record: RunRecord, reply: RunResult | undefined): void;
}

/** The trace of one run, which never throws; without a telemetry it hands on what the host gave. */
export function traceOf(
  telemetry: Telemetry | undefined,
  logger: Logger | undefined,
  run: RunStart,
): RunTrace {
  const failed = (error: unknown): void => logger?.warn(`pyrunner: telemetry failed: ${messageOf(error)}`);
  let trace: RunTrace | undefined;
  try {
    trace = telemetry?.runStarted(run);
  } catch (error) {
    failed(error);
  }
  return {
    traceparent: trace?.traceparent ?? run.traceparent,
    runEnded(record, reply) {
      try {
        trace?.runEnded(record, reply);
      } catch (error) {
        failed(error);
      }
    },
  };
}
