/** Code blocks by the heading that they stand under: of the host's documentation, from the copy in `fixtures`, and others. */
import { readFileSync } from "node:fs";
import path from "node:path";

export const DOCUMENT = path.join(__dirname, "..", "fixtures", "python-runner.md");

interface Block {
  readonly heading: string;
  readonly language: string;
  readonly code: string;
}

/** A fence in a list item is indented; its code then is too, by the same. */
function blocks(text: string): Block[] {
  const found: Block[] = [];
  let heading = "";
  let open: { indent: string; language: string; lines: string[] } | undefined;
  for (const line of text.split("\n")) {
    const fence = /^( *)```(\w*)$/.exec(line);
    if (open !== undefined) {
      if (fence === null)
        open.lines.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line);
      else {
        found.push({ heading, language: open.language, code: `${open.lines.join("\n")}\n` });
        open = undefined;
      }
    } else if (fence !== null) open = { indent: fence[1] ?? "", language: fence[2] ?? "", lines: [] };
    else heading = /^(?:#+|\d\.) (.*)$/.exec(line)?.[1]?.replaceAll("*", "") ?? heading;
  }
  return found;
}

/** The code blocks under this heading, which must be there. */
export function codeUnder(heading: string, language: string, file = DOCUMENT): [string, ...string[]] {
  const [first, ...rest] = blocks(readFileSync(file, "utf8")).filter(
    (block) => block.heading === heading && block.language === language,
  );
  if (first === undefined) throw new Error(`${file} has no ${language} under "${heading}".`);
  return [first.code, ...rest.map(({ code }) => code)];
}
