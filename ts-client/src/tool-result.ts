/** What tools return, which the protocol leaves open: everything in it comes from the tool, so nothing is taken for granted. */
import type { RunResult as WireRunResult } from "./protocol.js";

/** A dict with `ok` as the tool returned it; any other value as `{ok: true, data}`; a failure as `{ok: false, error}`. */
export interface ToolResult {
  ok: boolean;
  data?: unknown;
  error?: ToolFailure;
  [key: string]: unknown;
}

/** Why a tool failed. One that returns its own `{ok: false, error}` decides itself what is in it. */
export interface ToolFailure {
  message: string;
  /** The exception's class name. */
  type?: string;
  /** `tool_error`, `timeout`, `memory_limit`, `invalid_args` and the others in protocol.md, or a PyRunnerError's code. */
  code?: string;
  /** What to do about it. */
  hint?: string;
  /** Counts from 1, in the code as it was given. */
  line?: number;
  column?: number;
  /** The tool's own frames only. */
  traceback?: string;
  [key: string]: unknown;
}

/**
 * The full reply of one run: the tool's result, its output, and the sidecar's own measurements. `violations` is what the
 * jail refused by the worker's account, which a tool can falsify: to explain a failure, not to judge a tool by.
 */
export interface RunResult extends Omit<WireRunResult, "result"> {
  result: ToolResult;
}
