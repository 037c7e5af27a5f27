import assert from "node:assert/strict";
import test from "node:test";
import { regressions } from "../regressions.mjs";
import { ratioRow } from "../rows.mjs";

const row = (id, median, target) =>
  ratioRow({
    id,
    what: `what ${id} is`,
    ratioOf: "a / b",
    ratio: { median, low: median, high: median },
    target,
  });

test("a ratio within a factor of two of the expected one is let pass, on either side", () => {
  const rows = [row("faster", 5, { atLeast: 50 }), row("slower", 3.9, { atMost: 1.5 })];
  assert.deepEqual(regressions(rows, { faster: 10, slower: 2 }), []);
});

test("a ratio that has become more than twice as bad is named, with what was measured and what was expected", () => {
  const rows = [row("faster", 4.9, { atLeast: 50 }), row("slower", 4.1, { atMost: 1.5 })];
  assert.deepEqual(regressions(rows, { faster: 10, slower: 2 }), [
    "what faster is: a / b is 4.90, below 5.00; expected.json says 10, and a factor of 2 is let pass.",
    "what slower is: a / b is 4.10, above 4.00; expected.json says 2, and a factor of 2 is let pass.",
  ]);
});

test("an expected ratio that nobody measured is a failure, not a pass", () => {
  assert.match(regressions([], { gone: 3 }).join(), /gone: was not measured/);
});
