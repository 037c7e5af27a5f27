// A tool that imports much, registered `warm` (what it imports is loaded once, and forked for each call), beside the plain
// one.

import { openPyRunner, PyRunner } from "../pyrunner.mjs";
import { ratioRow } from "../rows.mjs";
import { median, ratioOver, takeTurns, timesOf } from "../statistics.mjs";
import { ARGS, checkText, HEAVY_IMPORTS, TEXT_PROCESSOR } from "../workload.mjs";

const CALLS = 60;
const GAP_MS = 10;
const WARM_UP_CALLS = 5;

export async function measureHeavyImports() {
  const row = { id: "heavy-imports", what: "heavy imports, registered warm, against the plain warm call" };
  const plain = openPyRunner(TEXT_PROCESSOR);
  const runner = new PyRunner();
  try {
    await runner.register({ id: "warm", warm: true }, HEAVY_IMPORTS);
    await runner.register({ id: "not-warm" }, HEAVY_IMPORTS);
    const times = (call) => () => timesOf(call, { count: CALLS, gapMs: GAP_MS, check: checkText });
    const run = (id) => async () => (await runner.run(id, ARGS)).result;
    const contestants = {
      plain: times(() => plain.call(ARGS)),
      warm: times(run("warm")),
      notWarm: times(run("not-warm")),
    };
    for (const call of [() => plain.call(ARGS), run("warm")]) await timesOf(call, { count: WARM_UP_CALLS });
    const rounds = await takeTurns(4, contestants);
    const ms = (name) => median(rounds.flatMap((round) => round[name])).toFixed(2);
    return [
      ratioRow({
        ...row,
        figure: `${ms("warm")} ms against ${ms("plain")} ms; not warm ${ms("notWarm")} ms`,
        ratio: ratioOver(rounds, (round) => median(round.warm) / median(round.plain)),
        ratioOf: "it / plain",
        target: { atMost: 1.5 },
      }),
    ];
  } finally {
    for (const one of [plain, runner]) await one.close();
  }
}
