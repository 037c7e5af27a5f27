/**
 * The sidecar of one runner over time: started at the first use, once for concurrent first uses; replaced at the next
 * use after it died, with every tool registered again; stopped for good by `close`. `restarts.ts` says when it is given up.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { orAborted } from "./abort.js";
import { errorOf } from "./error-kinds.js";
import { type PyRunnerConfig, type PyRunnerOptions, resolveConfig } from "./options.js";
import type { RegisterParams } from "./protocol.js";
import { lostCall, Restarts } from "./restarts.js";
import { type OutputHandler, Sidecar } from "./sidecar.js";

/** What any call may take beside the time of the tools that run and wait in front of it. */
const CALL_GRACE_MS = 60_000;

/** A sidecar and what it was told. */
interface Live {
  readonly sidecar: Sidecar;
  /** Each settles when the sidecar has taken, or refused, the tool. */
  readonly registrations: Map<string, Promise<unknown>>;
  /** The timeouts of all runs in flight: no call's turn is later than their sum. */
  budgetMs: number;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** The id of the registered tool that this call needs. */
  readonly toolId?: string | undefined;
  /** What the tool itself may take. */
  readonly timeoutMs?: number;
  readonly output?: { readonly runId: string; readonly handler: OutputHandler };
}

export class Session {
  readonly #options: PyRunnerOptions;
  readonly #tools = new Map<string, RegisterParams>();
  readonly #restarts = new Restarts();
  #config: PyRunnerConfig | undefined;
  #live: Promise<Live> | undefined;
  #sidecar: Promise<Sidecar> | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: PyRunnerOptions) {
    this.#options = options;
  }

  /** The resolved configuration, read at the first use. Throws `invalid_config`. */
  get config(): PyRunnerConfig {
    this.#config ??= resolveConfig(this.#options, { ...process.env, ...this.#options.env });
    return this.#config;
  }

  /** What the tool was registered with, if it was. */
  tool(id: string): RegisterParams | undefined {
    return this.#tools.get(id);
  }

  async call(method: string, params: object | undefined, options: CallOptions = {}): Promise<unknown> {
    const { signal, toolId, timeoutMs = 0, output } = options;
    signal?.throwIfAborted();
    let live: Live;
    try {
      live = await orAborted(this.#running(), signal);
      await orAborted(live.registrations.get(toolId ?? ""), signal);
    } catch (error) {
      throw lostCall(error, false);
    }
    const stopListening = output && live.sidecar.onOutput(output.runId, output.handler);
    live.budgetMs += timeoutMs;
    try {
      return await live.sidecar.call(method, params, { signal, deadlineMs: live.budgetMs + CALL_GRACE_MS });
    } catch (error) {
      throw lostCall(error, method === "run");
    } finally {
      live.budgetMs -= timeoutMs;
      stopListening?.();
    }
  }

  async register(tool: RegisterParams): Promise<unknown> {
    const live = await this.#running();
    const registration = live.sidecar.call("register", tool, { deadlineMs: live.budgetMs + CALL_GRACE_MS });
    const reply = await registration;
    this.#tools.set(tool.id, tool);
    live.registrations.set(tool.id, registration);
    return reply;
  }

  async unregister(id: string): Promise<void> {
    this.#tools.delete(id); // Even if the sidecar dies now, the next one does not get it.
    await this.call("unregister", { id });
  }

  /** Stop the sidecar, also one that is just starting. Every later call fails with `closed`. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      const sidecar = await this.#sidecar?.catch(() => undefined);
      await sidecar?.close();
    })();
    return this.#closing;
  }

  #assertOpen(): void {
    if (this.#closing !== undefined)
      throw errorOf("closed", "The runner was closed; make a new one.");
  }

  async #running(): Promise<Live> {
    this.#assertOpen();
    if (this.#live === undefined) {
      const live = this.#start();
      this.#live = live;
      const forget = (): void => {
        if (this.#live === live) this.#live = undefined;
      };
      live.then(({ sidecar }) => sidecar.failed.then(forget), forget);
    }
    return this.#live;
  }

  async #start(): Promise<Live> {
    void this.config; // A value that cannot be used is refused here, by name, not by a sidecar that does not start.
    const { logger } = this.#options;
    const delayMs = this.#restarts.delayMs();
    if (delayMs > 0) await sleep(delayMs);
    this.#assertOpen();
    this.#sidecar = Sidecar.start(this.#options, process.env);
    const sidecar = await this.#sidecar;
    sidecar.failed.then((reason) => {
      if (reason.code === "closed") return;
      this.#restarts.died(reason);
      logger?.warn(`pyrunner: ${reason.message}`);
    });
    await sidecar.hello();
    const live: Live = { sidecar, registrations: new Map(), budgetMs: 0 };
    for (const tool of this.#tools.values()) {
      const registration = sidecar.call("register", tool, { deadlineMs: CALL_GRACE_MS });
      registration.catch(() => undefined); // Told to the call that needs this tool.
      live.registrations.set(tool.id, registration);
    }
    return live;
  }
}
