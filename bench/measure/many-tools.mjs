// 10,000 registered tools: what a call costs beside them, how fast they are registered, what they hold.

import { pssMib, sidecarProcesses } from "../processes.mjs";
import { openPyRunner } from "../pyrunner.mjs";
import { absentRow, ratioRow, valueRow } from "../rows.mjs";
import { median, ratioOver, takeTurns, timesOf } from "../statistics.mjs";
import { ARGS, checkText, DEFINITION, TEXT_PROCESSOR } from "../workload.mjs";

const TOOLS = 10_000;
const AT_ONCE = 64;
const CALLS = 100;
const GAP_MS = 10;
/** An ordinary size. */
const SOURCE_BYTES = 2_048;
const FILLING = "# A line of a tool that does more than count words.\n".repeat(40);

export async function measureManyTools() {
  const many = openPyRunner(TEXT_PROCESSOR);
  try {
    await timesOf(() => many.call(ARGS), { count: CALLS, check: checkText });
    const { sidecar } = sidecarProcesses();
    const beforeMib = pssMib(sidecar);
    const perSecond = await register(many.runner);
    const afterMib = pssMib(sidecar);

    const one = openPyRunner(TEXT_PROCESSOR);
    const times =
      ({ call }) =>
      () =>
        timesOf(() => call(ARGS), { count: CALLS, gapMs: GAP_MS, check: checkText });
    const rounds = await takeTurns(5, { one: times(one), many: times(many) });
    await one.close();
    return [latencyRow(rounds), rateRow(perSecond), memoryRow(beforeMib, afterMib)];
  } finally {
    await many.close();
  }
}

/** Register TOOLS tools, AT_ONCE in flight; how many a second that was. */
async function register(runner) {
  const sources = Array.from({ length: TOOLS }, (_, number) => sourceOf(number));
  const startedMs = performance.now();
  let next = 0;
  const registrar = async () => {
    while (next < TOOLS) {
      const number = next;
      next += 1;
      await runner.register({ ...DEFINITION, id: `tool-${number}` }, sources[number]);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, registrar));
  return (TOOLS * 1000) / (performance.now() - startedMs);
}

/** No two are the same. */
function sourceOf(number) {
  return `# Tool ${number}.\n${TEXT_PROCESSOR}${FILLING}`.slice(0, SOURCE_BYTES);
}

function latencyRow(rounds) {
  const ms = (name) => median(rounds.flatMap((round) => round[name])).toFixed(2);
  return ratioRow({
    id: "many-latency",
    what: `p50 beside ${TOOLS.toLocaleString("en")} registered tools`,
    figure: `${ms("many")} ms, beside one ${ms("one")} ms`,
    ratio: ratioOver(rounds, (round) => median(round.many) / median(round.one)),
    ratioOf: "many / one",
    target: { atMost: 1.1 },
  });
}

function rateRow(perSecond) {
  const what = `registering them, ${AT_ONCE} in flight`;
  return valueRow({
    id: "many-register",
    what,
    value: perSecond,
    unit: "a second",
    target: { atLeast: 1_000 },
  });
}

function memoryRow(beforeMib, afterMib) {
  const row = { id: "many-memory", what: `the sidecar's memory for a tool of ${SOURCE_BYTES} bytes` };
  if (beforeMib === undefined)
    return absentRow({ ...row, why: "not here: /proc/PID/smaps_rollup cannot be read" });
  const bytes = ((afterMib - beforeMib) * 2 ** 20) / TOOLS;
  const times = bytes / SOURCE_BYTES;
  const ratio = { median: times, low: times, high: times };
  const figure = `${bytes.toFixed(0)} bytes`;
  return ratioRow({ ...row, figure, ratio, ratioOf: "it / source", target: { atMost: 4 } });
}
