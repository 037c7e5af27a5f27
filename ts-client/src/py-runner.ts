/** The public class: the methods of the wire as methods of an object, and `createRunner` for engines that have their own. */
import { randomUUID } from "node:crypto";
import { EventEmitter } from "node:events";
import { errorOf } from "./error-kinds.js";
import type { EventBus } from "./events.js";
import type { Lease } from "./lease.js";
import { type PyRunnerConfig, type PyRunnerOptions, resolveConfig, wireLimits } from "./options.js";
import type { DoctorResult, RegisterResult, StatsResult, ToolReport, ValidateResult } from "./protocol.js";
import { RunObservation } from "./run-observation.js";
import { type RunContext, runSafely } from "./run-safely.js";
import { type PyRunnerEvents, tell } from "./runner-events.js";
import type { OutputHandler } from "./sidecar.js";
import { lease } from "./sidecar-pool.js";
import type { RunResult, ToolResult } from "./tool-result.js";
import {
  type PyToolDefinition,
  type RunOptions,
  registerParams,
  runParams,
  runResult,
  type ToolOrCode,
  withoutUndefined,
} from "./wire-params.js";

/** What `createRunner` returns. Never rejects. */
export type ToolFunction = (args?: unknown, ctx?: RunContext) => Promise<ToolResult>;

/**
 * Runs Python tools, each call in a fresh jailed process. Making one starts nothing; the sidecar starts at the first
 * use and never keeps the Node process alive by itself. Its events are those of `PyRunnerEvents`.
 */
export class PyRunner extends EventEmitter<PyRunnerEvents> {
  readonly #options: PyRunnerOptions;
  #config: PyRunnerConfig | undefined;
  #leased: Lease | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: PyRunnerOptions = {}) {
    super();
    this.#options = options;
  }

  /**
   * The resolved configuration: options, then environment, then defaults, read at the first use. Throws
   * `invalid_config` for a value that cannot be used.
   */
  get config(): PyRunnerConfig {
    this.#config ??= resolveConfig(this.#options, { ...process.env, ...this.#options.env });
    return this.#config;
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
  async run(tool: ToolOrCode, args?: unknown, options: RunOptions = {}): Promise<RunResult> {
    const { signal = options.abortSignal, toolCallId, traceparent } = options;
    const isStreamed = this.#isStreamed(options);
    const { runId = isStreamed ? randomUUID() : undefined } = options;
    const toolId = typeof tool === "string" ? tool : undefined;
    const description = this.#leased?.tool(toolId ?? "")?.description ?? undefined;
    const names = withoutUndefined({ toolId, description, toolCallId, traceparent });
    const observation = new RunObservation(this, this.#options, { ...names, args, runId, signal });
    try {
      const params = {
        ...runParams(tool, args, { options, runner: this.#options }),
        ...withoutUndefined({ runId, traceparent: observation.traceparent }),
        ...(isStreamed ? { stream: true } : {}),
      };
      const { config } = this;
      const lease = this.#lease();
      const timeoutMs = params.timeout ?? lease.tool(toolId ?? "")?.timeout ?? config.timeout;
      const isHeard = isStreamed && runId !== undefined;
      const output = isHeard ? { runId, handler: this.#outputHandler(toolId, options) } : undefined;
      const reply = runResult(await lease.run(params, { signal, timeoutMs, output }));
      observation.ended({ reply });
      return reply;
    } catch (error) {
      observation.ended({ error });
      throw error;
    }
  }

  /**
   * As `run`, for callers that want a result whatever happens: what `run` rejects with is `{ ok: false, error }` here,
   * with the PyRunnerError's code, `cancelled` after an abort. Never rejects.
   */
  runSafe(tool: ToolOrCode, args?: unknown, options: RunOptions = {}): Promise<ToolResult> {
    const run = (signal: AbortSignal | undefined) => this.run(tool, args, { ...options, signal });
    return runSafely(run, { ctx: options, eventBus: undefined });
  }

  /** Check code without running it. */
  async validate(code: string): Promise<ValidateResult> {
    const { pythonPath } = wireLimits(this.#options);
    const params = pythonPath === undefined ? { code } : { code, pythonPath };
    return (await this.#lease().call("validate", params)) as ValidateResult;
  }

  /** Register a tool; it stays registered when the sidecar has to be started again. */
  async register(definition: PyToolDefinition, code: string): Promise<RegisterResult> {
    const params = registerParams(definition, code, this.#options);
    return (await this.#lease().register(params)) as RegisterResult;
  }

  /** Forget a tool. */
  async unregister(id: string): Promise<void> {
    await this.#lease().unregister(id);
  }

  /** The tools that are registered. */
  async list(): Promise<ToolReport[]> {
    return this.#lease().list();
  }

  /** Counters and gauges of the sidecar. */
  async stats(): Promise<StatsResult> {
    return (await this.#lease().call("stats", undefined)) as StatsResult;
  }

  /** What this machine can enforce, and what to do about what it cannot. */
  async doctor(): Promise<DoctorResult> {
    return (await this.#lease().call("doctor", undefined)) as DoctorResult;
  }

  /**
   * End the runner's calls, forget its tools, and stop the sidecar unless other runners share it; resolves when that is
   * done. May be called more than once, and need not be called at all.
   */
  close(): Promise<void> {
    this.#closing ??= this.#leased?.end() ?? Promise.resolve();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The runner's part in a sidecar, from its first use on. */
  #lease(): Lease {
    if (this.#closing !== undefined) throw errorOf("closed", "The runner was closed; make a new one.");
    void this.config; // A value that cannot be used is refused here, by name, not by a sidecar that does not start.
    const { logger } = this.#options;
    this.#leased ??= lease(this.#options, {
      logger,
      exited: (reason) => tell(this, logger, "exit", reason),
      restarted: () => tell(this, logger, "restart"),
    });
    return this.#leased;
  }

  #isStreamed({ onStdout, onStderr }: RunOptions): boolean {
    const isHeard = this.listenerCount("stdout") + this.listenerCount("stderr") > 0;
    return isHeard || onStdout !== undefined || onStderr !== undefined;
  }

  #outputHandler(toolId: string | undefined, { onStdout, onStderr }: RunOptions): OutputHandler {
    const { logger } = this.#options;
    return ({ runId, stream, text }) => {
      try {
        (stream === "stdout" ? onStdout : onStderr)?.(text);
      } catch (error) {
        logger?.warn(`pyrunner: the host's ${stream} handler threw: ${String(error)}`);
      }
      tell(this, logger, stream, { runId, text, ...(toolId === undefined ? {} : { toolId }) });
    };
  }
}
