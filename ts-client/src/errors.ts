/**
 * The one error class of this package. `code` says what happened and, with it, who is at fault.
 *
 *     PyRunnerError
 *      ├── from the sidecar (rpcCode is set): tool_not_found, tool_exists, invalid_tool, queue_full,
 *      │     sandbox_unavailable, interpreter_not_found, shutting_down, cancelled, invalid_params, internal_error …
 *      └── from this side: sidecar_not_found, sidecar_exited, sidecar_protocol, sidecar_unresponsive,
 *            invalid_config, invalid_params, closed
 *
 * A failure of the tool itself is never an error here: it is a result with `ok: false`.
 */

/** The kinds that this package raises itself; the sidecar adds those of the error table in protocol.md. */
export type ClientErrorCode =
  | "sidecar_not_found"
  | "sidecar_exited"
  | "sidecar_protocol"
  | "sidecar_unresponsive"
  | "invalid_config"
  | "invalid_params"
  | "tool_exists"
  | "invalid_tool"
  | "tool_not_found"
  | "closed";

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

/** A call that did not reach its tool, or whose reply did not come back. */
export class PyRunnerError extends Error {
  override readonly name = "PyRunnerError";
  readonly code: string;
  readonly rpcCode: number | undefined;
  readonly data: Readonly<Record<string, unknown>>;
  readonly isRetryable: boolean;

  constructor(code: ClientErrorCode | (string & {}), message: string, details: PyRunnerErrorDetails = {}) {
    super(message, "cause" in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.rpcCode = details.rpcCode;
    this.data = details.data ?? {};
    this.isRetryable = details.isRetryable ?? false;
  }
}

/** What the wire says when the sidecar refuses a call before any part of it ran, and a later try may be accepted. */
const RETRYABLE_KINDS: ReadonlySet<string> = new Set(["queue_full"]);

/** JSON-RPC's own codes, for a peer that sends no `data.kind`. */
const KIND_OF_RPC_CODE: ReadonlyMap<number, string> = new Map([
  [-32700, "parse_error"],
  [-32600, "invalid_request"],
  [-32601, "method_not_found"],
  [-32602, "invalid_params"],
  [-32603, "internal_error"],
  [-32800, "cancelled"],
]);

/** Rebuild an error that came over the wire. */
export function errorFromWire(rpcCode: number, message: string, data: unknown): PyRunnerError {
  const { kind, ...facts } = isRecord(data) ? data : {};
  const code = typeof kind === "string" ? kind : (KIND_OF_RPC_CODE.get(rpcCode) ?? "internal_error");
  const isRetryable = RETRYABLE_KINDS.has(code) || facts.retryable === true;
  return new PyRunnerError(code, message, { rpcCode, data: facts, isRetryable });
}

/** The message of anything thrown; `instanceof Error` is not enough, since Jest runs its tests in a realm of its own. */
export function messageOf(thrown: unknown): string {
  return isRecord(thrown) && typeof thrown.message === "string" ? thrown.message : String(thrown);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
