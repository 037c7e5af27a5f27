// 5 MB in and the same 5 MB out, beside what encoding and decoding them costs on both sides: JSON.stringify of the
// arguments and JSON.parse of the result in Node, json.loads and json.dumps in Python.

import { openPlain } from "../floors/plain.mjs";
import { openPyRunner } from "../pyrunner.mjs";
import { ratioRow } from "../rows.mjs";
import { median, ratioOver, takeTurns, timeOf } from "../statistics.mjs";
import { MIRROR, records } from "../workload.mjs";

const MEGABYTES = 5;

export async function measureLarge({ machine, isShort }) {
  const product = openPyRunner(MIRROR, { id: "mirror", runner: "py" });
  const plain = openPlain(MIRROR, machine);
  const args = { records: records(MEGABYTES) };
  const check = (result) => {
    if (result.ok !== true || JSON.stringify(result.data) !== JSON.stringify(args.records))
      throw new Error(`wrong reply: ${JSON.stringify(result).slice(0, 200)}`);
  };
  const jsonMs = async () => {
    const nodeMs = await timeOf(async () => JSON.parse(JSON.stringify(args)));
    return nodeMs + (await plain.measure(args)).jsonMs;
  };
  try {
    const contestants = { product: () => timeOf(() => product.call(args), check), json: jsonMs };
    await takeTurns(1, contestants);
    const rounds = await takeTurns(isShort ? 3 : 7, contestants);
    const ms = (name) => median(rounds.map((round) => round[name])).toFixed(0);
    return [
      ratioRow({
        id: "large",
        what: `${MEGABYTES} MB of arguments and ${MEGABYTES} MB of result`,
        figure: `${ms("product")} ms, JSON alone ${ms("json")} ms`,
        ratio: ratioOver(rounds, (round) => round.product / round.json),
        ratioOf: "it / JSON on both sides",
        target: { atMost: 2 },
      }),
    ];
  } finally {
    for (const one of [product, plain]) await one.close();
  }
}
