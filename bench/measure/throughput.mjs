// Calls per second with 16 and 64 in flight, beside what the same cores can fork and what the document's design does.

import { openForks } from "../floors/fork.mjs";
import { peer as newPython } from "../peers/new-python.mjs";
import { openPyRunner } from "../pyrunner.mjs";
import { ratioRow } from "../rows.mjs";
import { median, rateOf, ratioOver, takeTurns } from "../statistics.mjs";
import { ARGS, checkText, TEXT_PROCESSOR } from "../workload.mjs";

const DURATION_MS = 1_500;

export async function measureThroughput({ machine, isShort }) {
  const product = openPyRunner(TEXT_PROCESSOR);
  const forks = openForks(machine);
  const peer = await newPython.open(TEXT_PROCESSOR, machine);
  const rate =
    ({ call }, inFlight) =>
    () =>
      rateOf(() => call(ARGS), { inFlight, durationMs: DURATION_MS, check: checkText });
  const loads = isShort ? [16] : [16, 64];
  const contestants = { fork: () => forks.measureAll(DURATION_MS) };
  for (const inFlight of loads) {
    contestants[`product-${inFlight}`] = rate(product, inFlight);
    contestants[`peer-${inFlight}`] = rate(peer, inFlight);
  }
  try {
    await rate(product, 16)();
    const rounds = await takeTurns(isShort ? 4 : 5, contestants);
    return loads.flatMap((inFlight) => rowsOf(rounds, inFlight));
  } finally {
    for (const one of [product, forks, peer]) await one.close();
  }
}

function rowsOf(rounds, inFlight) {
  const perSecond = (name) => median(rounds.map((round) => round[name]));
  const [product, peer] = [`product-${inFlight}`, `peer-${inFlight}`];
  const row = (fields) => ratioRow({ ...fields, data: { perSecond: perSecond(product) } });
  return [
    row({
      id: `throughput-${inFlight}-fork`,
      what: `throughput, ${inFlight} in flight, against forks with every core busy`,
      figure: `${perSecond(product).toFixed(0)}/s against ${perSecond("fork").toFixed(0)}/s`,
      ratio: ratioOver(rounds, (round) => round[product] / round.fork),
      ratioOf: "calls / forks",
      target: { atLeast: 0.5 },
    }),
    row({
      id: `throughput-${inFlight}-new-python`,
      what: `throughput, ${inFlight} in flight, against the document's design`,
      figure: `${perSecond(product).toFixed(0)}/s against ${perSecond(peer).toFixed(0)}/s`,
      ratio: ratioOver(rounds, (round) => round[product] / round[peer]),
      ratioOf: "calls / its calls",
      target: { atLeast: 25 },
    }),
  ];
}
