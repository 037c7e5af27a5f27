/** Plain text tables that stay readable in a narrow terminal, in a log file and without colours. */

const useColour = process.stdout.isTTY === true && !process.env.NO_COLOR;

const paint =
  (code: number) =>
  (text: string): string =>
    useColour ? `\u001b[${code}m${text}\u001b[0m` : text;
export const bold = paint(1);
export const dim = paint(2);
export const red = paint(31);
export const green = paint(32);

export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
  /** Longer cells go on in the next line. */
  readonly maxWidth?: number;
}

/** The lines of a table; its first column is coloured with `mark` of the row's number. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  mark: (row: number) => (text: string) => string,
): string {
  const cells = rows.map((row) => row.map((cell, index) => wrap(cell, columns[index]?.maxWidth ?? 1_000)));
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...cells.flatMap((row) => row[index] ?? []).map((line) => line.length)),
  );
  const line = (texts: readonly string[], style: (text: string, index: number) => string): string =>
    columns
      .map(({ align }, index) => {
        const text = texts[index] ?? "";
        const width = widths[index] ?? 0;
        return style(align === "right" ? text.padStart(width) : text.padEnd(width), index);
      })
      .join("  ")
      .trimEnd();
  const head = line(
    columns.map(({ title }) => title),
    bold,
  );
  const rule = dim(widths.map((width) => "─".repeat(width)).join("──"));
  const body = cells.flatMap((row, number) => {
    const height = Math.max(...row.map((lines) => lines.length));
    return Array.from({ length: height }, (_, at) =>
      line(
        row.map((lines) => lines[at] ?? ""),
        (text, index) => (index === 0 ? mark(number)(text) : text),
      ),
    );
  });
  return [head, rule, ...body].join("\n");
}

function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.replace(/\s+/g, " ").split(" ")) {
    const last = lines.at(-1) ?? "";
    if (last === "") lines[lines.length - 1] = word;
    else if (last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
