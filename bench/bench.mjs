// Measures everything that README.md here explains, in one run, and prints one table. `--short` measures what needs no
// install, writes nothing, and fails where a ratio has become twice as bad as expected.json says.

import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { machine as describeMachine } from "./machine.mjs";
import { measureBurst } from "./measure/burst.mjs";
import { measureCold } from "./measure/cold.mjs";
import { measureHeavyImports } from "./measure/heavy-imports.mjs";
import { measureLarge } from "./measure/large.mjs";
import { measureLatency } from "./measure/latency.mjs";
import { measureManyTools } from "./measure/many-tools.mjs";
import { measureMemory } from "./measure/memory.mjs";
import { measureProcessor } from "./measure/processor.mjs";
import { measureTail } from "./measure/tail.mjs";
import { measureThroughput } from "./measure/throughput.mjs";
import { picture } from "./picture.mjs";
import { regressions } from "./regressions.mjs";
import { results, table } from "./report.mjs";

const SHORT = {
  latency: measureLatency,
  throughput: measureThroughput,
  cold: measureCold,
  "a CPU-bound tool": measureProcessor,
  "large data": measureLarge,
};
const FULL = {
  latency: measureLatency,
  "the tail": measureTail,
  throughput: measureThroughput,
  cold: measureCold,
  memory: measureMemory,
  "a CPU-bound tool": measureProcessor,
  "large data": measureLarge,
  "many tools": measureManyTools,
  "a burst": measureBurst,
  "heavy imports": measureHeavyImports,
};

const { short: isShort } = parseArgs({ options: { short: { type: "boolean", default: false } } }).values;
const machine = describeMachine();
// For us as for the peers: the interpreter itself, and not what finds it.
process.env.PYTHON_PATH = machine.python;
const rows = [];
for (const [name, measure] of Object.entries(isShort ? SHORT : FULL)) {
  console.error(`measuring ${name}`);
  rows.push(...(await measure({ machine, isShort })));
}
console.log(table(rows, machine));

if (isShort) {
  const expected = JSON.parse(readFileSync(new URL("expected.json", import.meta.url), "utf8"));
  const worse = regressions(rows, expected);
  for (const sentence of worse) console.error(sentence);
  process.exitCode = worse.length > 0 ? 1 : 0;
} else {
  writeFileSync(new URL("results.json", import.meta.url), results(rows, machine));
  writeFileSync(new URL("results.svg", import.meta.url), picture(rows));
}
