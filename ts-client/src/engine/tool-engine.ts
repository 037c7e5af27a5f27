/** A small tool engine with the interface of the document: a registry of tools, `invoke`, events, settable runners. */
import { randomUUID } from "node:crypto";
import { orAborted } from "../abort.js";
import { errorOf } from "../error-kinds.js";
import { isRecord } from "../errors.js";
import { type EventBus, emit, type InvocationIds } from "../events.js";
import { PyRunner } from "../py-runner.js";
import { failureOf, isOk, runSafely } from "../run-safely.js";
import type { ToolResult } from "../tool-result.js";
import { type BuiltinTool, runHostTool } from "./host-tool.js";
import { type Authorize, callerOf, type InvokeContext, refusal } from "./permissions.js";
import { checked, type RegisteredTool, type Tool, type ToolDefinition } from "./tool-definition.js";

/** What the engine needs of a PyRunner. */
export type PythonRunner = Pick<PyRunner, "register" | "run">;

/** What a host puts into `jsRunner`: a maker of functions, as `PyRunner.createRunner` is one. */
export interface ScriptRunner {
  createRunner(code: string): BuiltinTool;
}

export interface ToolEngineOptions {
  /** Decides in place of the tools' `permissions`. */
  readonly authorize?: Authorize | undefined;
}

export class ToolEngine {
  /** The runner of `js` tools that are registered as text. There is none unless the host sets one. */
  jsRunner: ScriptRunner | undefined;
  readonly #tools = new Map<string, Tool>();
  readonly #eventBus: EventBus | undefined;
  readonly #authorize: Authorize | undefined;
  /** Which tools each runner was told about; a runner that is set later learns them at their next call. */
  readonly #registrations = new WeakMap<PythonRunner, Map<string, Promise<unknown>>>();
  readonly #scripts = new WeakMap<ScriptRunner, Map<string, BuiltinTool>>();
  #pyRunner: PythonRunner | undefined;

  /** @param eventBus gets the events of `events.ts`. */
  constructor(eventBus?: EventBus, options: ToolEngineOptions = {}) {
    this.#eventBus = eventBus;
    this.#authorize = options.authorize;
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
    return [...this.#tools.values()].map(({ definition }) => ({ ...definition }));
  }

  /** Run a tool for `ctx.caller`. Resolves with its result; whatever fails is a result with `ok: false`. */
  async invoke(id: string, args: unknown = {}, ctx: InvokeContext = {}): Promise<ToolResult> {
    const caller = callerOf(ctx);
    const ids = { toolId: id, invocationId: randomUUID(), ...(caller && { callerId: caller.id }) };
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

  async #execute(ids: InvocationIds, args: unknown, ctx: InvokeContext): Promise<ToolResult> {
    const tool = this.#tools.get(ids.toolId);
    if (tool === undefined) {
      const error = errorOf("tool_not_found", `No tool with the id "${ids.toolId}" is registered.`);
      return { ok: false, error: failureOf(error) };
    }
    const { definition, check } = tool;
    const refused = await refusal({ tool: definition, caller: callerOf(ctx), args }, this.#authorize);
    const failure = refused ?? check?.(args);
    if (failure !== undefined) return { ok: false, error: failure };

    const eventBus = this.#eventBus;
    if (tool.kind === "py") {
      const run = async (signal: AbortSignal | undefined) => {
        const runner = this.pyRunner;
        await orAborted(this.#registered(runner, tool), signal);
        return runner.run(ids.toolId, args, { signal });
      };
      return runSafely(run, { ctx, eventBus, ids });
    }
    const call = tool.kind === "host" ? tool.call : this.#script(tool);
    const type = definition.runner === "js" ? "js" : "builtin";
    return runHostTool(call, { type, args, ctx, eventBus, ids });
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

  /** A function that makes the script's function at its first call, so that what fails there is the call's failure. */
  #script(tool: Tool & { kind: "js" }): BuiltinTool {
    const { id } = tool.definition;
    return (args, ctx) => {
      const runner = this.jsRunner;
      if (runner === undefined) {
        const why = `The tool "${id}" is JavaScript, and nothing runs it here: set toolEngine.jsRunner.`;
        throw errorOf("invalid_config", why);
      }
      const known = this.#scripts.get(runner) ?? new Map<string, BuiltinTool>();
      this.#scripts.set(runner, known);
      const script = known.get(id) ?? runner.createRunner(tool.code);
      known.set(id, script);
      return script(args, ctx);
    };
  }
}
