/**
 * One sidecar over time, for all runners that share it: started at the first use, once for concurrent first uses;
 * replaced at the next use after it died, with every tool registered again; stopped for good by `close`. `restarts.ts`
 * says when it is given up.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { orAborted } from "./abort.js";
import { errorOf } from "./error-kinds.js";
import type { PyRunnerError } from "./errors.js";
import type { RegisterParams } from "./protocol.js";
import { lostCall, Restarts } from "./restarts.js";
import { type OutputHandler, Sidecar, type SidecarOptions } from "./sidecar.js";

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

/** Which tool: each owner has ids of its own. */
export interface ToolRef {
  readonly id: string;
  readonly owner?: string | null | undefined;
}

/** What a session does by itself, for those who look on. */
export interface SessionObserver {
  /** The sidecar has ended, in order (`closed`) or not. */
  exited(reason: PyRunnerError): void;
  /** Another one has taken the place of the sidecar that ended. */
  restarted(): void;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** The registered tool that this call needs. */
  readonly tool?: ToolRef | undefined;
  /** What the tool itself may take. */
  readonly timeoutMs?: number;
  readonly output?: { readonly runId: string; readonly handler: OutputHandler } | undefined;
}

export class Session {
  readonly #options: SidecarOptions;
  readonly #observer: SessionObserver;
  readonly #tools = new Map<string, RegisterParams>();
  readonly #restarts = new Restarts();
  #starts = 0;
  #live: Promise<Live> | undefined;
  #sidecar: Promise<Sidecar> | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: SidecarOptions, observer: SessionObserver) {
    this.#options = options;
    this.#observer = observer;
  }

  /** What the tool was registered with, if it was. */
  tool(ref: ToolRef): RegisterParams | undefined {
    return this.#tools.get(keyOf(ref));
  }

  async call(method: string, params: object | undefined, options: CallOptions = {}): Promise<unknown> {
    const { signal, tool, timeoutMs = 0, output } = options;
    signal?.throwIfAborted();
    let live: Live;
    try {
      live = await orAborted(this.#running(), signal);
      if (tool !== undefined) await orAborted(live.registrations.get(keyOf(tool)), signal);
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
    this.#tools.set(keyOf(tool), tool);
    live.registrations.set(keyOf(tool), registration);
    return reply;
  }

  async unregister(tool: ToolRef): Promise<void> {
    this.#tools.delete(keyOf(tool)); // Even if the sidecar dies now, the next one does not get it.
    await this.call("unregister", tool);
  }

  /** Forget all tools of an owner; a sidecar that is not there needs not be told. */
  async forget(owner: string | undefined): Promise<void> {
    const tools = [...this.#tools.values()].filter((tool) => tool.owner === owner);
    for (const tool of tools) this.#tools.delete(keyOf(tool));
    const live = await this.#live?.catch(() => undefined);
    const told = tools.map(({ id }) =>
      live?.sidecar.call("unregister", { id, owner }, { deadlineMs: live.budgetMs + CALL_GRACE_MS }),
    );
    await Promise.allSettled(told);
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
    if (this.#closing !== undefined) throw errorOf("closed", "The runner was closed; make a new one.");
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
    const { logger } = this.#options;
    const delayMs = this.#restarts.delayMs();
    if (delayMs > 0) await sleep(delayMs);
    this.#assertOpen();
    this.#sidecar = Sidecar.start(this.#options);
    const sidecar = await this.#sidecar;
    sidecar.failed.then((reason) => {
      this.#observer.exited(reason);
      if (reason.code === "closed") return;
      this.#restarts.died(reason);
      logger?.warn(`pyrunner: ${reason.message}`);
    });
    await sidecar.hello();
    this.#starts += 1;
    if (this.#starts > 1) this.#observer.restarted();
    const live: Live = { sidecar, registrations: new Map(), budgetMs: 0 };
    for (const tool of this.#tools.values()) {
      const registration = sidecar.call("register", tool, { deadlineMs: CALL_GRACE_MS });
      registration.catch(() => undefined); // Told to the call that needs this tool.
      live.registrations.set(keyOf(tool), registration);
    }
    return live;
  }
}

function keyOf({ id, owner }: ToolRef): string {
  return JSON.stringify([owner ?? null, id]);
}
