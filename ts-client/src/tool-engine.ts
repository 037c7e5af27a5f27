/** A small tool engine with the interface of the document: a registry of tools, `invoke`, events, a settable Python runner. */
import { randomUUID } from "node:crypto";
import { cancelled, orAborted, signalOf } from "./abort.js";
import { errorOf } from "./error-kinds.js";
import { isRecord, type PyRunnerError } from "./errors.js";
import { type EventBus, emit } from "./events.js";
import type { LimitOptions } from "./options.js";
import { PyRunner } from "./py-runner.js";
import { failureOf, isOk, type RunContext, runSafely } from "./run-safely.js";
import type { ToolResult } from "./tool-result.js";

/** A function of the host as a tool. What it returns is wrapped as a Python tool's value is. */
export type BuiltinTool = (args: unknown, ctx: RunContext) => unknown;

export interface ToolDefinition extends LimitOptions {
  readonly id: string;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  /**
   * `py`: Python source text. `js` and `builtin`: a function of the host, which is trusted and runs in this process.
   * Default: `py` for a text, `builtin` for a function.
   */
  readonly runner?: "py" | "js" | "builtin" | undefined;
  /** JSON Schema for the arguments, checked for `py` tools; arguments that do not fit give `invalid_args`. */
  readonly schema?: object | undefined;
}

/** A definition as `list` gives it: with its effective runner. */
export interface RegisteredTool extends ToolDefinition {
  readonly runner: NonNullable<ToolDefinition["runner"]>;
}

/** What the engine needs of a PyRunner. */
export type PythonRunner = Pick<PyRunner, "register" | "run">;

type Tool =
  | { readonly kind: "py"; readonly definition: ToolDefinition; readonly code: string }
  | { readonly kind: "builtin"; readonly definition: ToolDefinition; readonly call: BuiltinTool };

export class ToolEngine {
  readonly #tools = new Map<string, Tool>();
  readonly #eventBus: EventBus | undefined;
  /** Which tools each runner was told about; a runner that is set later learns them at their next call. */
  readonly #registrations = new WeakMap<PythonRunner, Map<string, Promise<unknown>>>();
  #pyRunner: PythonRunner | undefined;

  /** @param eventBus gets the events of `events.ts`. */
  constructor(eventBus?: EventBus) {
    this.#eventBus = eventBus;
  }

  /** The runner of `py` tools. Made with the defaults at the first need unless one was set; may be set at any time. */
  get pyRunner(): PythonRunner {
    this.#pyRunner ??= new PyRunner();
    return this.#pyRunner;
  }

  set pyRunner(runner: PythonRunner) {
    this.#pyRunner = runner;
  }

  /** Add a tool. Python code is checked when it is first invoked. Throws for a definition that cannot be used. */
  register(definition: ToolDefinition, implementation: string | BuiltinTool): void {
    const tool = checked(definition, implementation);
    const { id } = definition;
    if (this.#tools.has(id))
      throw errorOf("tool_exists", `A tool with the id "${id}" is registered already.`);
    this.#tools.set(id, tool);
  }

  /** The definitions of all tools, in the order of their registration. */
  list(): RegisteredTool[] {
    return [...this.#tools.values()].map(({ kind, definition }) => ({
      ...definition,
      runner: definition.runner ?? kind,
    }));
  }

  /** Run a tool. Resolves with its result; whatever fails is a result with `ok: false`. */
  async invoke(id: string, args: unknown = {}, ctx: RunContext = {}): Promise<ToolResult> {
    const ids = { toolId: id, invocationId: randomUUID() };
    const startedMs = performance.now();
    emit(this.#eventBus, "ToolInvocationEvent", { ...ids, args });
    const result = await this.#execute(ids, args, ctx);
    const duration = performance.now() - startedMs;
    if (isOk(result)) {
      emit(this.#eventBus, "ToolResultEvent", { ...ids, result, duration });
    } else {
      const error = isRecord(result.error)
        ? result.error
        : { message: String(result.error ?? "The tool failed.") };
      emit(this.#eventBus, "ToolErrorEvent", { ...ids, error, duration });
    }
    return result;
  }

  #execute(
    ids: { toolId: string; invocationId: string },
    args: unknown,
    ctx: RunContext,
  ): Promise<ToolResult> {
    const tool = this.#tools.get(ids.toolId);
    if (tool === undefined) {
      const error = errorOf("tool_not_found", `No tool with the id "${ids.toolId}" is registered.`);
      return Promise.resolve({ ok: false, error: failureOf(error) });
    }
    const eventBus = this.#eventBus;
    if (tool.kind === "builtin") return this.#executeBuiltin(tool.call, { args, ctx, ids });
    return runSafely(
      async (signal) => {
        const runner = this.pyRunner;
        await orAborted(this.#registered(runner, tool), signal);
        return runner.run(ids.toolId, args, { signal });
      },
      { ctx, eventBus, ids },
    );
  }

  async #executeBuiltin(
    call: BuiltinTool,
    { args, ctx, ids }: { args: unknown; ctx: RunContext; ids: { toolId: string; invocationId: string } },
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
    emit(this.#eventBus, "ToolExecutionEvent", { type: "builtin", duration, ok: isOk(result), ...ids });
    return result;
  }

  /** Tell the runner about the tool, once; a refusal is not remembered, so that the next call tries again. */
  #registered(runner: PythonRunner, tool: Tool & { kind: "py" }): Promise<unknown> {
    const known = this.#registrations.get(runner) ?? new Map<string, Promise<unknown>>();
    this.#registrations.set(runner, known);
    const { id } = tool.definition;
    let registration = known.get(id);
    if (registration === undefined) {
      registration = runner.register(tool.definition, tool.code);
      known.set(id, registration);
      registration.catch(() => known.delete(id));
    }
    return registration;
  }
}

function checked(definition: ToolDefinition, implementation: string | BuiltinTool): Tool {
  if (!isRecord(definition) || typeof definition.id !== "string" || definition.id === "") {
    throw errorOf("invalid_tool", "A tool needs an `id`, a text that is not empty.");
  }
  const { id, runner = typeof implementation === "function" ? "builtin" : "py" } = definition;
  switch (runner) {
    case "py":
      if (typeof implementation === "string") return { kind: "py", definition, code: implementation };
      throw unusable(id, runner, "it needs its Python code as a text");
    case "js":
    case "builtin":
      if (typeof implementation === "function") return { kind: "builtin", definition, call: implementation };
      throw unusable(id, runner, 'it needs a function, since only "py" runs code that is a text');
    default:
      throw unusable(id, runner, 'known are "py", "js" and "builtin"');
  }
}

function unusable(id: string, runner: unknown, why: string): PyRunnerError {
  return errorOf("invalid_tool", `The tool "${id}" has the runner "${String(runner)}"; ${why}.`);
}

/** The same rule as for a Python tool's value. */
function wrapped(value: unknown): ToolResult {
  return isRecord(value) && "ok" in value ? (value as ToolResult) : { ok: true, data: value ?? null };
}
