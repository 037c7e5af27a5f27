/**
 * One call that a model asked for, whichever framework it came through. A failure of the tool is for the model, as a text
 * that it can act on; a call that did not reach the tool is the host's affair, and rejects as `run` does.
 */
import { isRecord } from "../errors.js";
import { isOk } from "../run-safely.js";
import type { ToolFailure, ToolResult } from "../tool-result.js";
import type { ToolRunner } from "./model-tools.js";

const NO_REASON = "The tool gave no reason.";

/** The tool failed. `message` is the text for the model, `failure` what the tool's result said. */
export class ToolCallError extends Error {
  override readonly name = "ToolCallError";
  readonly failure: ToolFailure;

  constructor(failure: ToolFailure) {
    super(textForModel(failure));
    this.failure = failure;
  }
}

/** Resolves with what the tool returned, JSON. Rejects with a ToolCallError, or as `PyRunner.run` does. */
export async function callTool(
  runner: ToolRunner,
  id: string,
  args: unknown,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const { result } = await runner.run(id, args ?? {}, { signal });
  if (isOk(result)) return dataOf(result);
  throw new ToolCallError(failureIn(result));
}

/** A tool that returns its own `ok: false` may put anything beside it, or nothing. */
function failureIn({ error }: ToolResult): ToolFailure {
  const said: unknown = isRecord(error) ? error.message : error;
  const message = typeof said === "string" ? said : said === undefined ? NO_REASON : JSON.stringify(said);
  return { ...(isRecord(error) ? error : {}), message };
}

/** A tool that returns its own dict with `ok` may put anything beside it. */
function dataOf(result: ToolResult): unknown {
  const { ok: _ok, ...rest } = result;
  return Object.keys(rest).every((name) => name === "data") ? (rest.data ?? null) : rest;
}

/** What happened, where, and what to do. No traceback: that is for the tool's author. */
function textForModel({ message, type, code, line, hint, errors }: ToolFailure): string {
  if (code === "invalid_args" && Array.isArray(errors) && errors.length > 0) {
    const faults = errors
      .filter(isRecord)
      .map((fault) => `- ${fault.instancePath || "args"} ${fault.message}`);
    return ["The arguments are not valid:", ...faults, "Correct them and call the tool again."].join("\n");
  }
  const place = typeof line === "number" ? ` (line ${line} of the tool)` : "";
  const what = `${type === undefined ? "" : `${type}: `}${message}${place}`;
  return hint === undefined ? what : `${what}\n${hint}`;
}
