/** A run that never rejects: whatever goes wrong becomes a result, as a host's tool engine expects it. */
import { cancelled, signalOf } from "./abort.js";
import { isRecord, messageOf, PyRunnerError } from "./errors.js";
import { type EventBus, emit, type InvocationIds } from "./events.js";
import type { RunResult, ToolFailure, ToolResult } from "./tool-result.js";

/** What a host's engine hands to a tool beside its arguments; only the abort signal is looked at. */
export interface RunContext {
  readonly signal?: AbortSignal | undefined;
  /** Another spelling of `signal`. */
  readonly abortSignal?: AbortSignal | undefined;
}

interface SafeRunOptions {
  readonly ctx: unknown;
  readonly eventBus: EventBus | undefined;
  /** Added to the event. */
  readonly ids?: InvocationIds;
}

/** Run Python, emit one `ToolExecutionEvent`, resolve with the tool's result or with the failure as a result. */
export async function runSafely(
  run: (signal: AbortSignal | undefined) => Promise<RunResult>,
  { ctx, eventBus, ids }: SafeRunOptions,
): Promise<ToolResult> {
  const startedMs = performance.now();
  let reply: RunResult | undefined;
  let result: ToolResult;
  let signal: AbortSignal | undefined;
  try {
    signal = signalOf(ctx);
    reply = await run(signal);
    result = reply.result;
  } catch (error) {
    result = { ok: false, error: signal?.aborted ? cancelled(signal) : failureOf(error) };
  }
  emit(eventBus, "ToolExecutionEvent", {
    type: "python",
    duration: performance.now() - startedMs,
    ok: isOk(result),
    ...(typeof result.error?.code === "string" ? { code: result.error.code } : {}),
    ...reply?.usage,
    ...(reply ? { isolation: reply.isolation } : {}),
    ...(reply?.violations?.length ? { violations: reply.violations } : {}),
    ...ids,
  });
  return result;
}

/** A tool's `ok` may be any JSON value, since a dict with that key is passed through; the host will test its truth. */
export function isOk(result: ToolResult): boolean {
  return Boolean(result.ok);
}

/** The failure that stands for anything thrown. */
export function failureOf(thrown: unknown, code = "internal_error"): ToolFailure {
  if (thrown instanceof PyRunnerError) {
    const hasData = Object.keys(thrown.data).length > 0;
    return {
      message: thrown.message,
      type: thrown.name,
      code: thrown.code,
      ...(hasData && { data: thrown.data }),
    };
  }
  const type = isRecord(thrown) && typeof thrown.name === "string" ? thrown.name : "Error";
  return { message: messageOf(thrown), type, code };
}
