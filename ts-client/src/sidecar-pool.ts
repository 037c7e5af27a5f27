/**
 * Which runners share a sidecar: those that would start the same command in the same environment.
 *
 * Invariant: a sidecar that is shared belongs to all who hold a lease of it and ends with the last of them. Tools of
 * different leases cannot meet, since each lease is another owner.
 */
import { sidecarEnvironment } from "./environment.js";
import { Lease } from "./lease.js";
import type { Logger, PyRunnerOptions } from "./options.js";
import { Session, type SessionObserver } from "./session.js";

/** What a runner wants to hear of the sidecar that it shares. */
export type LeaseObserver = SessionObserver & { readonly logger: Logger | undefined };

/** By command and environment; a sidecar of one runner alone is not in here. */
const shared = new Map<string, SharedSidecar>();

/** A part in a sidecar; nothing is started yet. `options.share: false` gives one that nobody else has a part in. */
export function lease(options: PyRunnerOptions, observer: LeaseObserver): Lease {
  const env = sidecarEnvironment(process.env, options.env ?? {});
  if (options.share === false) return new SharedSidecar(options.sidecar, env).lease(observer);
  // A command line is looked up from the current directory.
  const key = JSON.stringify([options.sidecar ?? null, process.cwd(), Object.entries(env).sort()]);
  let sidecar = shared.get(key);
  if (sidecar === undefined) {
    sidecar = new SharedSidecar(options.sidecar, env, () => shared.delete(key));
    shared.set(key, sidecar);
  }
  return sidecar.lease(observer);
}

class SharedSidecar {
  readonly #observers = new Set<LeaseObserver>();
  readonly #session: Session;
  readonly #onUnused: () => void;
  #leases = 0;

  constructor(
    sidecar: PyRunnerOptions["sidecar"],
    env: Record<string, string>,
    onUnused: () => void = () => undefined,
  ) {
    this.#onUnused = onUnused;
    const logger: Logger = {
      debug: (message) => this.#tell(({ logger }) => logger?.debug(message)),
      warn: (message) => this.#tell(({ logger }) => logger?.warn(message)),
    };
    this.#session = new Session(
      { sidecar, env, logger },
      {
        exited: (reason) => this.#tell((observer) => observer.exited(reason)),
        restarted: () => this.#tell((observer) => observer.restarted()),
      },
    );
  }

  lease(observer: LeaseObserver): Lease {
    this.#observers.add(observer);
    this.#leases += 1;
    // The first one needs no name: a host with one runner looks on the wire as if nothing were shared.
    const owner = this.#leases === 1 ? undefined : `runner-${this.#leases}`;
    return new Lease(this.#session, {
      owner,
      leave: () => {
        const isLast = this.#observers.size === 1;
        if (isLast) this.#onUnused();
        else this.#observers.delete(observer);
        return isLast;
      },
    });
  }

  #tell(each: (observer: LeaseObserver) => void): void {
    for (const observer of this.#observers) each(observer);
  }
}
