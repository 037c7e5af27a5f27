// A thousand calls at once on a sidecar that was idle. If none is preferred and none is lost, the median call ends when
// half of the burst's own time has passed.

import { setTimeout as sleep } from "node:timers/promises";
import { openPyRunner } from "../pyrunner.mjs";
import { ratioRow } from "../rows.mjs";
import { median, ratioOver, takeTurns, timeOf } from "../statistics.mjs";
import { ARGS, checkText, TEXT_PROCESSOR } from "../workload.mjs";

const CALLS = 1_000;
const IDLE_MS = 500;

export async function measureBurst() {
  const { call, close } = openPyRunner(TEXT_PROCESSOR);
  try {
    checkText(await call(ARGS));
    const burst = async () => {
      await sleep(IDLE_MS);
      return Promise.all(Array.from({ length: CALLS }, () => timeOf(() => call(ARGS), checkText)));
    };
    const rounds = await takeTurns(3, { burst });
    const totalsMs = rounds.map((round) => Math.max(...round.burst));
    const p50Ms = median(rounds.flatMap((round) => round.burst));
    return [
      ratioRow({
        id: "burst",
        what: `a burst of ${CALLS.toLocaleString("en")} calls on an idle sidecar, no error`,
        figure: `p50 ${p50Ms.toFixed(0)} ms, all in ${median(totalsMs).toFixed(0)} ms`,
        ratio: ratioOver(rounds, (round) => median(round.burst) / (Math.max(...round.burst) / 2)),
        ratioOf: "p50 / half of all",
        target: { atMost: 1.1 },
        data: { perSecond: (CALLS * 1000) / median(totalsMs) },
      }),
    ];
  } finally {
    await close();
  }
}
