/** What the host asks for, as the wire's params; and the wire's reply, as what the host is promised. */
import { errorOf } from "./error-kinds.js";
import { isRecord } from "./errors.js";
import { type LimitOptions, type PyRunnerOptions, wireLimits } from "./options.js";
import type { RegisterParams, RunParams } from "./protocol.js";
import type { RunContext } from "./run-safely.js";
import type { RunResult } from "./tool-result.js";

/** A tool as it is registered; `timeout` and the other limits are its own defaults. */
export interface PyToolDefinition extends LimitOptions {
  readonly id: string;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  /** JSON Schema for the arguments; arguments that do not fit give `invalid_args`, and the tool does not run. */
  readonly schema?: object | undefined;
  readonly pythonPath?: string | undefined;
  /** What the private scratch directory is called inside the call; see `PyRunnerOptions.workingDir`. */
  readonly workingDir?: string | undefined;
  /** Keep an interpreter that has loaded what the code imports at its top; the code itself runs in each call. */
  readonly warm?: boolean | undefined;
  /** Take the place of a tool with this id and other content; without it that is an error. */
  readonly replace?: boolean | undefined;
}

/** Options of one run. */
export interface RunOptions extends LimitOptions, RunContext {
  /** Called with each piece of output while the tool runs. */
  readonly onStdout?: ((text: string) => void) | undefined;
  readonly onStderr?: ((text: string) => void) | undefined;
  /** What this run is called in `stats` and in the events; no two in flight may have one. Default: made up. */
  readonly runId?: string | undefined;
  /** The model's id of this call, for traces. */
  readonly toolCallId?: string | undefined;
  /** A W3C trace context (`00-…`) that this run belongs to; the sidecar's log lines then have its trace id. */
  readonly traceparent?: string | undefined;
}

/** A registered tool, by its id, or inline code. */
export type ToolOrCode = string | { readonly code: string };

/** `run`'s params. What the host did not set itself is left to the registration and to the sidecar's environment. */
export function runParams(
  tool: ToolOrCode,
  args: unknown,
  { options, runner }: { options: RunOptions; runner: PyRunnerOptions },
): RunParams {
  return {
    ...(typeof tool === "string" ? { id: tool } : { code: codeOf(tool), ...wireLimits(runner) }),
    ...wireLimits({ ...options, pythonPath: undefined, workingDir: undefined }),
    ...(args === undefined ? {} : { args }),
  };
}

/** `register`'s params: the tool's own limits, then the runner's. */
export function registerParams(
  definition: PyToolDefinition,
  code: string,
  runner: PyRunnerOptions,
): RegisterParams {
  const { id, name, description, schema, warm, replace } = definition;
  const texts = withoutUndefined({
    name,
    description,
    schema: schema as RegisterParams["schema"],
    warm,
    replace,
  });
  return { id, code, ...texts, ...wireLimits(runner), ...wireLimits(definition) };
}

/** Checked here since hosts load code from files and databases: JSON would drop an undefined code, and null is "absent". */
function codeOf(tool: { readonly code: string }): string {
  const code: unknown = isRecord(tool) ? tool.code : undefined;
  if (typeof code === "string") return code;
  throw errorOf("invalid_params", "the tool's code must be text");
}

export function runResult(reply: unknown): RunResult {
  if (isRecord(reply) && isRecord(reply.result)) return reply as unknown as RunResult;
  throw errorOf("sidecar_protocol", "The sidecar answered `run` with something that is no run's reply.");
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

export function withoutUndefined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
