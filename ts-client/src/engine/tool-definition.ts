/** What a host registers with an engine, and the check of it: whatever cannot be used is refused at once. */
import { errorOf } from "../error-kinds.js";
import { isRecord, type PyRunnerError } from "../errors.js";
import type { PyToolDefinition } from "../wire-params.js";
import { type ArgumentCheck, argumentCheck } from "./arguments.js";
import type { BuiltinTool } from "./host-tool.js";

/** Of a `py` tool it is all that `PyRunner.register` takes; other tools have no limits, and the engine holds their schema. */
export interface ToolDefinition extends Omit<PyToolDefinition, "replace"> {
  /**
   * `py`: Python source text. `builtin`: a function of the host, which is trusted and runs in this process. `js`: text for
   * the runner that the host has put into `toolEngine.jsRunner`, or a function, which is run like a `builtin`.
   * Default: `py` for a text, `builtin` for a function.
   */
  readonly runner?: "py" | "js" | "builtin" | undefined;
  /** What a caller must hold to use the tool. Default: nothing. */
  readonly permissions?: readonly string[] | undefined;
}

/** A definition as `list` gives it: with its effective runner. */
export interface RegisteredTool extends ToolDefinition {
  readonly runner: NonNullable<ToolDefinition["runner"]>;
}

/** A tool that the engine can run; `check` is absent where there is no schema, or the sidecar holds it. */
export type Tool = { readonly definition: RegisteredTool; readonly check?: ArgumentCheck } & (
  | { readonly kind: "py"; readonly code: string }
  | { readonly kind: "js"; readonly code: string }
  | { readonly kind: "host"; readonly call: BuiltinTool }
);

/** The tool, or `invalid_tool` with what is wrong with it. */
export function checked(definition: ToolDefinition, implementation: string | BuiltinTool): Tool {
  if (!isRecord(definition) || typeof definition.id !== "string" || definition.id === "") {
    throw errorOf("invalid_tool", "A tool needs an `id`, a text that is not empty.");
  }
  const { id, schema, permissions } = definition;
  const { runner = typeof implementation === "function" ? "builtin" : "py" } = definition;
  if (!Object.hasOwn(NEEDS, runner)) throw unusable(id, runner, 'known are "py", "js" and "builtin"');
  if (permissions !== undefined && !isTexts(permissions)) {
    throw errorOf("invalid_tool", `The tool "${id}" has permissions that are no array of texts.`);
  }
  const check = runner === "py" || schema === undefined ? {} : { check: argumentCheck(id, schema) };
  const tool = { definition: { ...definition, runner }, ...check };
  if (runner !== "py" && typeof implementation === "function") {
    return { ...tool, kind: "host", call: implementation };
  }
  if (runner !== "builtin" && typeof implementation === "string") {
    return { ...tool, kind: runner, code: implementation };
  }
  throw unusable(id, runner, NEEDS[runner]);
}

const NEEDS = {
  py: "it needs its Python code as a text",
  js: "it needs its code as a text, or a function",
  builtin: 'it needs a function, since only "py" and "js" run code that is a text',
} as const;

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

function unusable(id: string, runner: unknown, why: string): PyRunnerError {
  return errorOf("invalid_tool", `The tool "${id}" has the runner "${String(runner)}"; ${why}.`);
}
