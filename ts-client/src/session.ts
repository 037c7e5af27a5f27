/**
 * The sidecar of one runner over time: started at the first use, once for concurrent first uses; replaced at the next
 * use after it died, with every tool registered again; stopped for good by `close`.
 */
import { orAborted } from "./abort.js";
import { PyRunnerError } from "./errors.js";
import { type PyRunnerConfig, type PyRunnerOptions, resolveConfig } from "./options.js";
import type { RegisterParams } from "./protocol.js";
import { type OutputHandler, Sidecar } from "./sidecar.js";

/** What any call may take beside the time of the tools that run and wait in front of it. */
const CALL_GRACE_MS = 60_000;

/** A sidecar and what it was told. */
interface Live {
  readonly sidecar: Sidecar;
  /** Each settles when the sidecar has taken, or refused, the tool. */
  readonly registrations: Map<string, Promise<unknown>>;
  /** The timeouts of all runs in flight: with a first-in first-out queue no reply can take longer than their sum. */
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
    const live = await orAborted(this.#running(), signal);
    await orAborted(live.registrations.get(toolId ?? ""), signal);
    const stopListening = output && live.sidecar.onOutput(output.runId, output.handler);
    live.budgetMs += timeoutMs;
    try {
      return await live.sidecar.call(method, params, { signal, deadlineMs: live.budgetMs + CALL_GRACE_MS });
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

  #running(): Promise<Live> {
    if (this.#closing !== undefined)
      return Promise.reject(new PyRunnerError("closed", "The runner was closed; make a new one."));
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
    this.#sidecar = Sidecar.start(this.#options, process.env);
    const sidecar = await this.#sidecar;
    sidecar.failed.then((reason) => {
      if (reason.code !== "closed") logger?.warn(`pyrunner: ${reason.message}`);
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
