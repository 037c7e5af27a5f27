// A tool that only computes: jailed, in plain CPython of the same build, and in Monty.

import { openPeers } from "../contestants.mjs";
import { openPlain } from "../floors/plain.mjs";
import { peer as monty } from "../peers/monty.mjs";
import { openPyRunner } from "../pyrunner.mjs";
import { absentRow, ratioRow } from "../rows.mjs";
import { median, ratioOver, takeTurns, timeOf } from "../statistics.mjs";
import { CPU_ARGS, CPU_BOUND, checkCpu } from "../workload.mjs";

export async function measureProcessor({ machine, isShort }) {
  const product = openPyRunner(CPU_BOUND, { id: "cpu-bound", runner: "py" });
  const plain = openPlain(CPU_BOUND, machine);
  const { opened, absent } = await openPeers(isShort ? [] : [monty], CPU_BOUND, machine);
  const time =
    ({ call }) =>
    () =>
      timeOf(() => call(CPU_ARGS), checkCpu);
  const contestants = { product: time(product), plain: time(plain) };
  for (const one of opened) contestants.monty = time(one);
  try {
    await takeTurns(1, contestants);
    const rounds = await takeTurns(isShort ? 5 : 15, contestants);
    return [...rowsOf(rounds), ...absent.map(({ why }) => absentRow({ ...AGAINST_MONTY, why }))];
  } finally {
    for (const one of [product, plain, ...opened]) await one.close();
  }
}

const AGAINST_MONTY = { id: "processor-monty", what: "the same against Monty" };

function rowsOf(rounds) {
  const ms = (name) => median(rounds.map((round) => round[name])).toFixed(0);
  const rows = [
    ratioRow({
      id: "processor",
      what: "a CPU-bound tool, jailed, against plain CPython",
      figure: `${ms("product")} ms against ${ms("plain")} ms`,
      ratio: ratioOver(rounds, ({ product, plain }) => product / plain),
      ratioOf: "jailed / plain",
      target: { atMost: 1.03 },
    }),
  ];
  if ("monty" in rounds[0]) {
    rows.push(
      ratioRow({
        ...AGAINST_MONTY,
        figure: `${ms("product")} ms against ${ms("monty")} ms`,
        ratio: ratioOver(rounds, ({ product, monty: other }) => other / product),
        ratioOf: "Monty / it",
        target: { atLeast: 2 },
      }),
    );
  }
  return rows;
}
