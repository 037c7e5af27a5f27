// The slowest calls at half load: calls come at random times, half as many a second as the product can do, and nobody
// waits for the one before (an open loop, so that a slow call does not hold back the calls that would have met it).

import { setTimeout as sleep } from "node:timers/promises";
import { openPyRunner } from "../pyrunner.mjs";
import { ratioRow } from "../rows.mjs";
import { median, quantile, rateOf, ratioOver, takeTurns, timeOf } from "../statistics.mjs";
import { ARGS, checkText, TEXT_PROCESSOR } from "../workload.mjs";

const IN_FLIGHT = 16;
const SHARE_OF_RATE = 0.5;
const FULL_MS = 1_000;
const HALF_MS = 3_000;

export async function measureTail() {
  const { call, close } = openPyRunner(TEXT_PROCESSOR);
  const run = () => call(ARGS);
  try {
    checkText(await run());
    const rounds = await takeTurns(4, {
      half: async () => {
        const fullRate = await rateOf(run, { inFlight: IN_FLIGHT, durationMs: FULL_MS, check: checkText });
        return timesAt(fullRate * SHARE_OF_RATE, run);
      },
    });
    const timesMs = rounds.flatMap(({ half }) => half);
    const [p50Ms, p99Ms] = [median(timesMs), quantile(timesMs, 0.99)];
    return [
      ratioRow({
        id: "tail",
        what: "p99 at half load",
        figure: `${p99Ms.toFixed(2)} ms, p50 ${p50Ms.toFixed(2)}`,
        ratio: ratioOver(rounds, ({ half }) => quantile(half, 0.99) / median(half)),
        ratioOf: "p99 / p50",
        target: { atMost: 4 },
        data: { p50Ms, p99Ms, calls: timesMs.length },
      }),
    ];
  } finally {
    await close();
  }
}

/** Times of calls that come at random, `perSecond` of them on average (exponential gaps: a Poisson process). */
async function timesAt(perSecond, run) {
  const startedMs = performance.now();
  const pending = [];
  let nextMs = 0;
  while (nextMs < HALF_MS) {
    const aheadMs = startedMs + nextMs - performance.now();
    if (aheadMs > 0) await sleep(aheadMs);
    pending.push(timeOf(run, checkText));
    nextMs += (-Math.log(1 - Math.random()) * 1000) / perSecond;
  }
  return Promise.all(pending);
}
