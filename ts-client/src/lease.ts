/**
 * One runner's part in a sidecar. It ends alone: its calls, its tools, and the sidecar only with the last lease.
 */
import { errorOf } from "./error-kinds.js";
import type { ListResult, RegisterParams, RunParams, ToolReport } from "./protocol.js";
import type { CallOptions, Session } from "./session.js";
import { settlesWithin } from "./stop.js";

/** What calls in flight get when their runner is closed, before they are cancelled; as when a sidecar is stopped. */
const DRAIN_WAIT_MS = 2_000;

interface LeaseOptions {
  readonly owner: string | undefined;
  /** Give up the part; true if nobody else has one. */
  readonly leave: () => boolean;
}

export class Lease {
  readonly #session: Session;
  readonly #owner: { readonly owner?: string };
  readonly #leave: () => boolean;
  /** How to cancel each call in flight, and its end. */
  readonly #inFlight = new Map<AbortController, Promise<unknown>>();
  #ending: Promise<void> | undefined;

  constructor(session: Session, { owner, leave }: LeaseOptions) {
    this.#session = session;
    this.#owner = owner === undefined ? {} : { owner };
    this.#leave = leave;
  }

  /** What the tool was registered with, if it was. */
  tool(id: string): RegisterParams | undefined {
    return this.#session.tool({ id, ...this.#owner });
  }

  async run(params: RunParams, options: CallOptions): Promise<unknown> {
    const { id } = params;
    if (typeof id !== "string") return this.call("run", params, options);
    const tool = { id, ...this.#owner };
    return this.call("run", { ...params, ...tool }, { ...options, tool });
  }

  async register(tool: RegisterParams): Promise<unknown> {
    return this.#track(() => this.#session.register({ ...tool, ...this.#owner }));
  }

  async unregister(id: string): Promise<void> {
    await this.#track(() => this.#session.unregister({ id, ...this.#owner }));
  }

  async list(): Promise<ToolReport[]> {
    const { owner } = this.#owner;
    return ((await this.call("list", owner === undefined ? undefined : { owner })) as ListResult).tools;
  }

  /** Any method that does not concern a tool of this runner. */
  async call(method: string, params: object | undefined, options: CallOptions = {}): Promise<unknown> {
    return this.#track(
      (signal) => this.#session.call(method, params, { ...options, signal }),
      options.signal,
    );
  }

  /** Give up the part. Resolves when nothing of it is left; every later call fails with `closed`. */
  end(): Promise<void> {
    this.#ending ??= this.#leave() ? this.#session.close() : this.#endAlone();
    return this.#ending;
  }

  async #endAlone(): Promise<void> {
    const ended = Promise.allSettled(this.#inFlight.values());
    if (!(await settlesWithin(ended, DRAIN_WAIT_MS))) {
      const reason = errorOf("cancelled", "The runner was closed while this call was in flight.");
      for (const controller of this.#inFlight.keys()) controller.abort(reason);
      await ended;
    }
    await this.#session.forget(this.#owner.owner);
  }

  /** Run one call so that both the host and the end of this lease can cancel it. */
  async #track<T>(call: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#ending !== undefined) throw errorOf("closed", "The runner was closed; make a new one.");
    signal?.throwIfAborted();
    const controller = new AbortController();
    // Not AbortSignal.any: it refuses the signals of another realm, as Jest's are.
    const abort = (): void => controller.abort(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const result = call(controller.signal);
      this.#inFlight.set(controller, result);
      return await result;
    } finally {
      this.#inFlight.delete(controller);
      signal?.removeEventListener("abort", abort);
    }
  }
}
