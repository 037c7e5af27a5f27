/**
 * When a sidecar that died may be started again: at once after the first death, later after each that soon follows, and
 * not for now after the fifth within a minute. A host that goes on calling finds it again when the minute is over.
 */
import { errorOf, errorOfAny } from "./error-kinds.js";
import { PyRunnerError } from "./errors.js";

const MAX_DEATHS = 5;
const WINDOW_MS = 60_000;
const FIRST_DELAY_MS = 100;

export class Restarts {
  readonly #now: () => number;
  #deathsMs: number[] = [];
  #lastReason: PyRunnerError | undefined;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** A sidecar came to an end that nobody asked for, perhaps while it started. */
  died(reason: PyRunnerError): void {
    this.#deathsMs.push(this.#now());
    this.#lastReason = reason;
  }

  /** How long the next start has to wait. Throws `sidecar_exited`, with the last one's words, where it is given up. */
  delayMs(): number {
    const now = this.#now();
    this.#deathsMs = this.#deathsMs.filter((diedMs) => now - diedMs < WINDOW_MS);
    const deaths = this.#deathsMs.length;
    if (deaths >= MAX_DEATHS) throw this.#givenUp(now);
    const dueMs = (this.#deathsMs.at(-1) ?? 0) + FIRST_DELAY_MS * 2 ** (deaths - 2);
    return deaths < 2 ? 0 : Math.max(dueMs - now, 0);
  }

  #givenUp(now: number): PyRunnerError {
    const retryAfterMs = Math.ceil((this.#deathsMs.at(-MAX_DEATHS) ?? now) + WINDOW_MS - now);
    const message =
      `The sidecar has died ${this.#deathsMs.length} times within ${WINDOW_MS / 1000} s and is not started again for ` +
      `${Math.ceil(retryAfterMs / 1000)} s. The last time: ${this.#lastReason?.message ?? "without a word"}`;
    const data = {
      ...this.#lastReason?.data,
      deaths: this.#deathsMs.length,
      retryAfterMs,
      mayHaveRun: false,
    };
    return errorOf("sidecar_exited", message, { data, cause: this.#lastReason, isRetryable: true });
  }
}

/**
 * What a call is told that did not come back since the sidecar died: whether its tool may have run. A tool leaves nothing
 * behind, so it may be run again either way.
 */
export function lostCall(error: unknown, mayHaveRun: boolean): unknown {
  if (!(error instanceof PyRunnerError) || !error.code.startsWith("sidecar_") || "mayHaveRun" in error.data) {
    return error;
  }
  const data = { ...error.data, mayHaveRun };
  const isRetryable = error.code === "sidecar_exited";
  return errorOfAny(error.code, error.message, { data, isRetryable, cause: error });
}
