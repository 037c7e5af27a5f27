// Times and ratios. Contestants take turns in rounds, and a ratio is taken within a round, so that what the machine does
// meanwhile falls out of it; what is told is the median of the rounds, and their range.

import { setTimeout as sleep } from "node:timers/promises";

/** The value below which `share` (0 to 1) of `values` lie. */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

export function median(values) {
  return quantile(values, 0.5);
}

/** Median, lowest and highest of one ratio for each round. */
export function ratioOver(rounds, ratioOfRound) {
  const ratios = rounds.map(ratioOfRound);
  return { median: median(ratios), low: Math.min(...ratios), high: Math.max(...ratios) };
}

/**
 * Let contestants take turns: A B C A B C. `contestants` is `{name: async () => figure}`; the answer is one
 * `{name: figure}` for each round.
 */
export async function takeTurns(roundCount, contestants) {
  const rounds = [];
  for (let round = 0; round < roundCount; round += 1) {
    const figures = {};
    for (const [name, measure] of Object.entries(contestants)) figures[name] = await measure();
    rounds.push(figures);
  }
  return rounds;
}

/** How long one call takes, in ms; its reply is checked after the clock has stopped. */
export async function timeOf(call, check = () => undefined) {
  const startedMs = performance.now();
  const reply = await call();
  const tookMs = performance.now() - startedMs;
  check(reply);
  return tookMs;
}

/** The times of `count` calls, one after the other, in ms; `gapMs` is the pause before each. */
export async function timesOf(call, { count, check, gapMs = 0 }) {
  const timesMs = [];
  for (let done = 0; done < count; done += 1) {
    if (gapMs > 0) await sleep(gapMs);
    timesMs.push(await timeOf(call, check));
  }
  return timesMs;
}

/** Calls per second with `inFlight` calls under way all the time, for `durationMs`. */
export async function rateOf(call, { inFlight, durationMs, check }) {
  const startedMs = performance.now();
  let calls = 0;
  const caller = async () => {
    while (performance.now() - startedMs < durationMs) {
      check(await call());
      calls += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  return (calls * 1000) / (performance.now() - startedMs);
}
