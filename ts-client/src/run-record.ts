/** What became of one run, as data: the runner's `run` event and its traces are made from this one frozen record. */
import { isRecord } from "./errors.js";
import type { IsolationReport, UsageReport, ViolationReport } from "./protocol.js";
import { isOk } from "./run-safely.js";
import type { RunResult } from "./tool-result.js";

/** Never code, arguments, output or results. */
export interface RunRecord {
  /** Absent for inline code. */
  readonly toolId?: string;
  /** The sidecar's id of the run; absent where it never got that far. */
  readonly runId?: string;
  readonly ok: boolean;
  /** The failure's code: the tool's, as `timeout`, or that of the error with which `run` rejected. */
  readonly code?: string;
  /** When the host asked for it, in milliseconds since 1970. */
  readonly startedAtMs: number;
  /** Wall time as the host saw it, in milliseconds: with queueing and transport. */
  readonly durationMs: number;
  /** The sidecar's own measurements; absent, with the two below, where no reply came. */
  readonly usage?: Readonly<UsageReport>;
  readonly isolation?: Readonly<IsolationReport>;
  /** What the jail refused, by the worker's account; absent where there was nothing. */
  readonly violations?: readonly ViolationReport[];
}

interface Ended {
  readonly toolId: string | undefined;
  readonly runId: string | undefined;
  readonly startedAtMs: number;
  readonly durationMs: number;
  /** The reply, or what the run rejected with. */
  readonly reply?: RunResult;
  readonly error?: unknown;
  readonly signal: AbortSignal | undefined;
}

export function recordOf({ toolId, runId, startedAtMs, durationMs, reply, error, signal }: Ended): RunRecord {
  const code = reply === undefined ? codeOf(error, signal) : reply.result.error?.code;
  const id = reply?.runId ?? runId;
  return Object.freeze({
    ...(toolId === undefined ? {} : { toolId }),
    ...(id === undefined ? {} : { runId: id }),
    ok: reply !== undefined && isOk(reply.result),
    ...(typeof code === "string" ? { code } : {}),
    startedAtMs,
    durationMs,
    ...(reply === undefined ? {} : { usage: reply.usage, isolation: reply.isolation }),
    ...(reply?.violations?.length ? { violations: reply.violations } : {}),
  });
}

/** An abort rejects with whatever reason the host gave. */
function codeOf(error: unknown, signal: AbortSignal | undefined): string {
  if (signal?.aborted) return "cancelled";
  return isRecord(error) && typeof error.code === "string" ? error.code : "internal_error";
}
