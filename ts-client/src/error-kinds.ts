/**
 * One class for each kind of error, named after its `code`.
 *
 *     PyRunnerError                       a kind that this version of the package does not know
 *      ├── the host's request is at fault
 *      │    ├── InvalidParamsError          invalid_params
 *      │    ├── InvalidConfigError          invalid_config
 *      │    ├── InvalidToolError            invalid_tool           data: line, column, reason
 *      │    ├── ToolExistsError             tool_exists
 *      │    ├── ToolNotFoundError           tool_not_found
 *      │    └── RunnerClosedError           closed
 *      ├── the call was not let in, or not to its end
 *      │    ├── QueueFullError              queue_full             data: retryAfterMs
 *      │    ├── ShuttingDownError           shutting_down
 *      │    └── CancelledError              cancelled
 *      ├── this machine cannot run it
 *      │    ├── SandboxUnavailableError     sandbox_unavailable    data: missing
 *      │    ├── InterpreterNotFoundError    interpreter_not_found  data: candidates
 *      │    └── SidecarNotFoundError        sidecar_not_found      data: tried
 *      └── the sidecar is at fault
 *           ├── SidecarExitedError          sidecar_exited         data: exitCode, signal, stderrTail
 *           ├── SidecarUnresponsiveError    sidecar_unresponsive
 *           ├── SidecarProtocolError        sidecar_protocol
 *           └── SidecarInternalError        internal_error         data: retryable, mayHaveRun
 */
import { isRecord, PyRunnerError, type PyRunnerErrorDetails } from "./errors.js";

/** The class of one kind. Written out, so that the declarations of this file are of this name and not of its members. */
interface KindClass<C extends string> {
  new (message: string, details?: PyRunnerErrorDetails): PyRunnerError & { readonly code: C };
}

function ofKind<const C extends string>(code: C, name: string): KindClass<C> {
  return class extends PyRunnerError {
    // Not the class's own name: a bundler may shorten it.
    override readonly name = name;
    declare readonly code: C;
    constructor(message: string, details?: PyRunnerErrorDetails) {
      super(code, message, details);
    }
  };
}

export class InvalidParamsError extends ofKind("invalid_params", "InvalidParamsError") {}
export class InvalidConfigError extends ofKind("invalid_config", "InvalidConfigError") {}
export class InvalidToolError extends ofKind("invalid_tool", "InvalidToolError") {}
export class ToolExistsError extends ofKind("tool_exists", "ToolExistsError") {}
export class ToolNotFoundError extends ofKind("tool_not_found", "ToolNotFoundError") {}
export class RunnerClosedError extends ofKind("closed", "RunnerClosedError") {}
export class QueueFullError extends ofKind("queue_full", "QueueFullError") {}
export class ShuttingDownError extends ofKind("shutting_down", "ShuttingDownError") {}
export class CancelledError extends ofKind("cancelled", "CancelledError") {}
export class SandboxUnavailableError extends ofKind("sandbox_unavailable", "SandboxUnavailableError") {}
export class InterpreterNotFoundError extends ofKind("interpreter_not_found", "InterpreterNotFoundError") {}
export class SidecarNotFoundError extends ofKind("sidecar_not_found", "SidecarNotFoundError") {}
export class SidecarExitedError extends ofKind("sidecar_exited", "SidecarExitedError") {}
export class SidecarUnresponsiveError extends ofKind("sidecar_unresponsive", "SidecarUnresponsiveError") {}
export class SidecarProtocolError extends ofKind("sidecar_protocol", "SidecarProtocolError") {}
export class SidecarInternalError extends ofKind("internal_error", "SidecarInternalError") {}

const CLASSES = {
  invalid_params: InvalidParamsError,
  invalid_config: InvalidConfigError,
  invalid_tool: InvalidToolError,
  tool_exists: ToolExistsError,
  tool_not_found: ToolNotFoundError,
  closed: RunnerClosedError,
  queue_full: QueueFullError,
  shutting_down: ShuttingDownError,
  cancelled: CancelledError,
  sandbox_unavailable: SandboxUnavailableError,
  interpreter_not_found: InterpreterNotFoundError,
  sidecar_not_found: SidecarNotFoundError,
  sidecar_exited: SidecarExitedError,
  sidecar_unresponsive: SidecarUnresponsiveError,
  sidecar_protocol: SidecarProtocolError,
  internal_error: SidecarInternalError,
} as const;

/** The kinds that have a class of their own; the wire's others are a plain PyRunnerError. */
export type ErrorKind = keyof typeof CLASSES;

/** The error for a kind, as an instance of its class. */
export function errorOf(kind: ErrorKind, message: string, details?: PyRunnerErrorDetails): PyRunnerError {
  return new CLASSES[kind](message, details);
}

/** The error for a kind that is only known when it happens. */
export function errorOfAny(kind: string, message: string, details?: PyRunnerErrorDetails): PyRunnerError {
  return isKnown(kind) ? errorOf(kind, message, details) : new PyRunnerError(kind, message, details);
}

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
  const { kind: sent, ...facts } = isRecord(data) ? data : {};
  const kind = typeof sent === "string" ? sent : (KIND_OF_RPC_CODE.get(rpcCode) ?? "internal_error");
  const isRetryable = kind === "queue_full" || facts.retryable === true;
  return errorOfAny(kind, message, { rpcCode, data: facts, isRetryable });
}

function isKnown(kind: string): kind is ErrorKind {
  return Object.hasOwn(CLASSES, kind);
}
