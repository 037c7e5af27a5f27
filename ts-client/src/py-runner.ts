/** The public class: the methods of the wire as methods of an object, and `createRunner` for engines that have their own. */
import { randomUUID } from "node:crypto";
import { errorOf } from "./error-kinds.js";
import { isRecord } from "./errors.js";
import type { EventBus } from "./events.js";
import { type LimitOptions, type PyRunnerConfig, type PyRunnerOptions, wireLimits } from "./options.js";
import type {
  DoctorResult,
  ListResult,
  OutputParams,
  RegisterParams,
  RegisterResult,
  RunParams,
  StatsResult,
  ToolReport,
  ValidateResult,
} from "./protocol.js";
import { type RunContext, runSafely } from "./run-safely.js";
import { Session } from "./session.js";
import type { RunResult, ToolResult } from "./tool-result.js";

/** A tool as it is registered; `timeout` and the other limits are its own defaults. */
export interface PyToolDefinition extends LimitOptions {
  readonly id: string;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  /** JSON Schema for the tool's arguments; the sidecar checks every call against it. */
  readonly schema?: object | undefined;
  readonly pythonPath?: string | undefined;
  /** What the private scratch directory is called inside the call; see `PyRunnerOptions.workingDir`. */
  readonly workingDir?: string | undefined;
  /** Take the place of a tool with this id and other content; without it that is an error. */
  readonly replace?: boolean | undefined;
}

/** Options of one run. */
export interface RunOptions extends LimitOptions, RunContext {
  /** Called with each piece of output while the tool runs. */
  readonly onStdout?: ((text: string) => void) | undefined;
  readonly onStderr?: ((text: string) => void) | undefined;
}

/** What `createRunner` returns. Never rejects. */
export type ToolFunction = (args?: unknown, ctx?: RunContext) => Promise<ToolResult>;

/**
 * Runs Python tools, each call in a fresh jailed process. Making one starts nothing; the sidecar starts at the first
 * use and never keeps the Node process alive by itself.
 */
export class PyRunner {
  readonly #options: PyRunnerOptions;
  readonly #session: Session;

  constructor(options: PyRunnerOptions = {}) {
    this.#options = options;
    this.#session = new Session(options);
  }

  /** The resolved configuration: options, then environment, then defaults. Throws for a value that cannot be used. */
  get config(): PyRunnerConfig {
    return this.#session.config;
  }

  /**
   * A function that runs `code` with the arguments given to it. Nothing is started or checked here.
   *
   * @param eventBus gets a `ToolExecutionEvent` for each run.
   */
  createRunner(code: string, eventBus?: EventBus): ToolFunction {
    return (args, ctx) => runSafely((signal) => this.run({ code }, args, { signal }), { ctx, eventBus });
  }

  /**
   * Run a registered tool, by its id, or inline code.
   *
   * Resolves with the full reply also when the tool failed (`result.ok` is false then). Rejects with a PyRunnerError
   * when the call did not reach the tool or its reply did not come back, and with `signal.reason` after an abort.
   */
  async run(
    tool: string | { readonly code: string },
    args?: unknown,
    options: RunOptions = {},
  ): Promise<RunResult> {
    const { onStdout, onStderr, signal = options.abortSignal } = options;
    const toolId = typeof tool === "string" ? tool : undefined;
    const params: RunParams = {
      ...(typeof tool === "string" ? { id: tool } : { code: codeOf(tool), ...wireLimits(this.#options) }),
      ...wireLimits({ ...options, pythonPath: undefined, workingDir: undefined }),
      ...(args === undefined ? {} : { args }),
    };
    const timeoutMs = params.timeout ?? this.#session.tool(toolId ?? "")?.timeout ?? this.config.timeout;
    const callOptions = { signal, timeoutMs, toolId };
    if (onStdout === undefined && onStderr === undefined) {
      return runResult(await this.#session.call("run", params, callOptions));
    }
    const runId = randomUUID();
    const handler = ({ stream, text }: OutputParams): void => {
      try {
        (stream === "stdout" ? onStdout : onStderr)?.(text);
      } catch (error) {
        this.#options.logger?.warn(`pyrunner: the host's ${stream} handler threw: ${String(error)}`);
      }
    };
    const streamed: RunParams = { ...params, runId, stream: true };
    return runResult(
      await this.#session.call("run", streamed, { ...callOptions, output: { runId, handler } }),
    );
  }

  /**
   * As `run`, for callers that want a result whatever happens: what `run` rejects with is `{ ok: false, error }` here,
   * with the PyRunnerError's code, `cancelled` after an abort. Never rejects.
   */
  runSafe(
    tool: string | { readonly code: string },
    args?: unknown,
    options: RunOptions = {},
  ): Promise<ToolResult> {
    const run = (signal: AbortSignal | undefined) => this.run(tool, args, { ...options, signal });
    return runSafely(run, { ctx: options, eventBus: undefined });
  }

  /** Check code without running it. */
  async validate(code: string): Promise<ValidateResult> {
    const { pythonPath } = wireLimits(this.#options);
    const params = pythonPath === undefined ? { code } : { code, pythonPath };
    return (await this.#session.call("validate", params)) as ValidateResult;
  }

  /** Register a tool; it stays registered when the sidecar has to be started again. */
  async register(definition: PyToolDefinition, code: string): Promise<RegisterResult> {
    const { id, name, description, schema, replace } = definition;
    const texts = withoutUndefined({
      name,
      description,
      schema: schema as RegisterParams["schema"],
      replace,
    });
    const limits = { ...wireLimits(this.#options), ...wireLimits(definition) };
    return (await this.#session.register({ id, code, ...texts, ...limits })) as RegisterResult;
  }

  /** Forget a tool. */
  async unregister(id: string): Promise<void> {
    await this.#session.unregister(id);
  }

  /** The tools that are registered. */
  async list(): Promise<ToolReport[]> {
    return ((await this.#session.call("list", undefined)) as ListResult).tools;
  }

  /** Counters and gauges of the sidecar. */
  async stats(): Promise<StatsResult> {
    return (await this.#session.call("stats", undefined)) as StatsResult;
  }

  /** What this machine can enforce, and what to do about what it cannot. */
  async doctor(): Promise<DoctorResult> {
    return (await this.#session.call("doctor", undefined)) as DoctorResult;
  }

  /** Stop the sidecar and wait until it is gone. May be called more than once, and need not be called at all. */
  close(): Promise<void> {
    return this.#session.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Checked here since hosts load code from files and databases: JSON would drop an undefined code, and null is "absent". */
function codeOf(tool: { readonly code: string }): string {
  const code: unknown = isRecord(tool) ? tool.code : undefined;
  if (typeof code === "string") return code;
  throw errorOf("invalid_params", "the tool's code must be text");
}

function runResult(reply: unknown): RunResult {
  if (isRecord(reply) && isRecord(reply.result)) return reply as unknown as RunResult;
  throw errorOf("sidecar_protocol", "The sidecar answered `run` with something that is no run's reply.");
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
