/** Abort signals, which here often come from code that we did not write. */
import { isRecord, messageOf } from "./errors.js";
import type { ToolFailure } from "./tool-result.js";

/** The signal of a host's context: anything else under that name is ignored. */
export function signalOf(ctx: unknown): AbortSignal | undefined {
  if (!isRecord(ctx)) return undefined;
  const candidate = ctx.signal ?? ctx.abortSignal;
  // Not `instanceof`: Jest gives its tests an AbortSignal of another realm.
  const isSignal = isRecord(candidate) && typeof candidate.throwIfAborted === "function";
  return isSignal ? (candidate as unknown as AbortSignal) : undefined;
}

/** The failure that stands for an aborted call. */
export function cancelled(signal: AbortSignal): ToolFailure {
  return {
    message: `The call was cancelled: ${messageOf(signal.reason)}`,
    type: "AbortError",
    code: "cancelled",
  };
}

/** The outcome of `pending`, or `signal.reason` if the signal is aborted first. */
export async function orAborted<T>(pending: T, signal: AbortSignal | undefined): Promise<Awaited<T>> {
  if (signal === undefined) return await pending;
  signal.throwIfAborted();
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([pending, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
