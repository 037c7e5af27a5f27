// The table for people, as Markdown, and the same for programs, as JSON.

import { describe } from "./machine.mjs";

const COLUMNS = [
  "what",
  "CPython",
  "boundary",
  "fresh",
  "measured",
  "ratio (lowest to highest)",
  "of",
  "target",
  "met",
];

/** The table, and under it the machine. */
export function table(rows, machine) {
  const cells = [COLUMNS, ...rows.map(cellsOf)];
  const widths = COLUMNS.map((_, column) => Math.max(...cells.map((line) => line[column].length)));
  const lines = cells.map(
    (line) => `| ${line.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |`,
  );
  lines.splice(1, 0, `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`);
  return `${lines.join("\n")}\n\n${describe(machine)}.`;
}

/** What `results.json` holds: the rows as they are, and the machine without a path or a name. */
export function results(rows, { python: _path, emptyPython: _other, ...machine }) {
  return `${JSON.stringify({ machine, rows }, null, 2)}\n`;
}

function cellsOf({ what, isolates, figure, ratio, ratioOf, goal, isMet }) {
  const { cpython = "", boundary = "", fresh = "" } = isolates ?? {};
  const met = isMet === undefined ? "" : isMet ? "yes" : "no";
  return [
    what,
    cpython,
    boundary,
    fresh,
    figure,
    ratio ? ratioText(ratio) : "",
    ratioOf ?? "",
    goal ?? "",
    met,
  ];
}

function ratioText({ median, low, high }) {
  return low === high ? `${short(median)}×` : `${short(median)}× (${short(low)} to ${short(high)})`;
}

function short(value) {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(value < 1 ? 2 : 3);
}
