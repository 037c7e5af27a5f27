// Has a ratio become twice as bad as `expected.json` says? Wide on purpose: the machine is anybody's, and absolute times
// are not looked at.

import { readFileSync } from "node:fs";

const MARGIN = 2;
const EXPECTED = new URL("expected.json", import.meta.url);

/** One sentence for each row that misses its expected ratio by more than the margin. */
export function regressions(rows) {
  const expected = JSON.parse(readFileSync(EXPECTED, "utf8"));
  return Object.entries(expected).flatMap(([id, ratio]) => {
    const row = rows.find((one) => one.id === id);
    if (row?.ratio === undefined) return [`${id}: was not measured, and expected.json has a ratio for it.`];
    const isLowBetter = row.target.atMost !== undefined;
    const limit = isLowBetter ? ratio * MARGIN : ratio / MARGIN;
    const measured = row.ratio.median;
    if (isLowBetter ? measured <= limit : measured >= limit) return [];
    const side = isLowBetter ? "above" : "below";
    return [
      `${row.what}: ${row.ratioOf} is ${measured.toFixed(2)}, ${side} ${limit.toFixed(2)}; ` +
        `expected.json says ${ratio}, and a factor of ${MARGIN} is let pass.`,
    ];
  });
}
