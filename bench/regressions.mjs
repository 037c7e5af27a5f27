// Has a ratio become twice as bad as `expected.json` says? Wide on purpose: the machine is anybody's, and absolute times
// are not looked at.

const MARGIN = 2;

/** One sentence for each row that misses its ratio in `expected`, `{id: ratio}`, by more than the margin. */
export function regressions(rows, expected) {
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
