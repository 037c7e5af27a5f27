/** The base of this package's errors, and how anything thrown is read. The classes for each kind are in `error-kinds.ts`. */

export interface PyRunnerErrorDetails {
  /** The numeric JSON-RPC code, where the error came from the sidecar. */
  readonly rpcCode?: number;
  /** Facts beside the message, such as `line`, `retryAfterMs`, `missing`, `candidates`, `exitCode`, `stderrTail`. */
  readonly data?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
  /**
   * True when the same call may be sent again: its failure says nothing about the call. `data.mayHaveRun` tells whether
   * its tool may have run; nothing of a run outlives it. Default: false.
   */
  readonly isRetryable?: boolean;
}

/**
 * A call that did not reach its tool, or whose reply did not come back. `code` says what happened and, with it, who is
 * at fault; a failure of the tool itself is never an error: it is a result with `ok: false`.
 */
export class PyRunnerError extends Error {
  override readonly name: string = "PyRunnerError";
  readonly code: string;
  readonly rpcCode: number | undefined;
  readonly data: Readonly<Record<string, unknown>>;
  readonly isRetryable: boolean;

  constructor(code: string, message: string, details: PyRunnerErrorDetails = {}) {
    super(message, "cause" in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.rpcCode = details.rpcCode;
    this.data = details.data ?? {};
    this.isRetryable = details.isRetryable ?? false;
  }
}

/** The message of anything thrown; `instanceof Error` is not enough, since Jest runs its tests in a realm of its own. */
export function messageOf(thrown: unknown): string {
  return isRecord(thrown) && typeof thrown.message === "string" ? thrown.message : String(thrown);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
