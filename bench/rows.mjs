// The rows of the table: one figure each, and where there is a ratio or a target, those beside it.

/**
 * A row with a ratio. `target` is `{atMost}` or `{atLeast}`, or absent where nothing was aimed at; the median decides.
 *
 * @param row `{id, what, figure, ratio: {median, low, high}, target, isolates, data}`
 */
export function ratioRow({ ratio, target, ...row }) {
  return { ...row, ratio, ...judged(ratio.median, target, "×") };
}

/** A row whose target is the figure itself, `value`, in `unit`. */
export function valueRow({ value, unit, target, ...row }) {
  return { figure: `${value.toFixed(1)} ${unit}`, ...row, value, unit, ...judged(value, target, ` ${unit}`) };
}

/** A row that says why there is no figure. */
export function absentRow({ id, what, isolates, why }) {
  return { id, what, isolates, figure: why, isAbsent: true };
}

function judged(value, target, unit) {
  if (target === undefined) return {};
  const { atMost, atLeast } = target;
  return atMost === undefined
    ? { target: { atLeast }, goal: `at least ${atLeast}${unit}`, isMet: value >= atLeast }
    : { target: { atMost }, goal: `at most ${atMost}${unit}`, isMet: value <= atMost };
}
