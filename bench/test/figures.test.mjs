import assert from "node:assert/strict";
import test from "node:test";
import { picture } from "../picture.mjs";
import { results, table } from "../report.mjs";
import { absentRow, ratioRow } from "../rows.mjs";
import { quantile, ratioOver, takeTurns } from "../statistics.mjs";

const MACHINE = {
  cores: 2,
  cpu: "",
  memoryGiB: 4,
  kernel: "Linux 6",
  node: "v20",
  python: "/secret/python",
  emptyPython: "/secret/empty/python",
  pythonVersion: "3.11",
};
const ISOLATES = { cpython: "yes", boundary: "kernel", fresh: "yes" };
const LATENCY = { p50Ms: 0.8, p99Ms: 2.5, calls: 10 };

test("contestants take turns, and a ratio is taken within each round", async () => {
  const order = [];
  const figures = [1, 10, 3, 12];
  const measure = (name) => async () => {
    order.push(name);
    return figures[order.length - 1];
  };
  const rounds = await takeTurns(2, { a: measure("a"), b: measure("b") });
  assert.deepEqual(order, ["a", "b", "a", "b"]);
  assert.deepEqual(
    ratioOver(rounds, ({ a, b }) => b / a),
    { median: 10, low: 4, high: 10 },
  );
});

test("a quantile is one of the values", () => {
  assert.equal(quantile([5, 1, 4, 2, 3], 0.5), 3);
  assert.equal(quantile([5, 1, 4, 2, 3], 0.99), 5);
});

test("the table judges by the median, and says why a row has no figure", () => {
  const rows = [
    ratioRow({
      id: "a",
      what: "A",
      figure: "1 ms",
      ratio: { median: 60, low: 40, high: 70 },
      target: { atLeast: 50 },
    }),
    absentRow({ id: "b", what: "B", why: "not here: no engine" }),
  ];
  const printed = table(rows, MACHINE);
  assert.match(printed, /\| A .*60\.0× \(40\.0 to 70\.0\) .*at least 50× \| yes \|/);
  assert.match(printed, /\| B .*not here: no engine/);
});

test("neither the table nor the results name a path of the machine", () => {
  assert.doesNotMatch(table([], MACHINE) + results([], MACHINE), /secret/);
});

test("the picture puts the fastest first, escapes names, and leaves out what was not measured", () => {
  const rows = [
    { id: "slow", what: "slow & <sure>", isolates: ISOLATES, latency: { ...LATENCY, p50Ms: 40, p99Ms: 90 } },
    { id: "paced", what: "fast", isolates: ISOLATES, latency: LATENCY },
    absentRow({ id: "gone", what: "gone", why: "not here" }),
  ];
  const svg = picture(rows);
  assert.ok(svg.indexOf(">fast<") < svg.indexOf(">slow &amp; &lt;sure><"));
  assert.match(svg, />800 µs</);
  assert.doesNotMatch(svg, /gone|NaN|undefined/);
});
