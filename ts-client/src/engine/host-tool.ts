/** A tool that runs in the host's own process: trusted code, whose failures are results all the same. */
import { cancelled, signalOf } from "../abort.js";
import { isRecord } from "../errors.js";
import { type EventBus, emit, type InvocationIds } from "../events.js";
import { failureOf, isOk } from "../run-safely.js";
import type { ToolResult } from "../tool-result.js";
import type { InvokeContext } from "./permissions.js";

/** A function of the host as a tool. What it returns is wrapped as a Python tool's value is. */
export type BuiltinTool = (args: unknown, ctx: InvokeContext) => unknown;

interface HostRun {
  readonly type: "builtin" | "js";
  readonly args: unknown;
  readonly ctx: InvokeContext;
  readonly eventBus: EventBus | undefined;
  readonly ids: InvocationIds;
}

/** Run it, emit one `ToolExecutionEvent`, resolve with its result or with what it threw as a failure. */
export async function runHostTool(
  call: BuiltinTool,
  { type, args, ctx, eventBus, ids }: HostRun,
): Promise<ToolResult> {
  const startedMs = performance.now();
  const signal = signalOf(ctx);
  let result: ToolResult;
  try {
    signal?.throwIfAborted();
    result = wrapped(await call(args, ctx));
  } catch (error) {
    result = { ok: false, error: signal?.aborted ? cancelled(signal) : failureOf(error, "tool_error") };
  }
  const duration = performance.now() - startedMs;
  const code = typeof result.error?.code === "string" ? { code: result.error.code } : {};
  emit(eventBus, "ToolExecutionEvent", { type, duration, ok: isOk(result), ...code, ...ids });
  return result;
}

/** The same rule as for a Python tool's value. */
function wrapped(value: unknown): ToolResult {
  return isRecord(value) && "ok" in value ? (value as ToolResult) : { ok: true, data: value ?? null };
}
