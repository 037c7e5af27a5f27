/** What the examples share: one Python tool, whose schema is made of its type hints, and the script that a model follows. */
import type { PyRunner } from "pyrunner";

export const QUESTION = "Which words are the most frequent in 'to be or not to be'?";

/** The first try lacks an argument and has one that the tool does not know; the second is right. */
export const TRIES = [
  { txt: "to be or not to be", top: 2 },
  { text: "to be or not to be", top: 2 },
] as const;

export async function registerWordCount(runner: PyRunner): Promise<void> {
  await runner.register(
    { id: "word-count" },
    `
from collections import Counter

def run(*, text: str, top: int = 3):
    """Count the words of a text, the most frequent first."""
    return {"counts": [list(pair) for pair in Counter(text.split()).most_common(top)]}
`,
  );
}

/** The model's last word: what the tool said, as it reached the model. */
export function answer(toolOutput: unknown): string {
  return `The tool says: ${typeof toolOutput === "string" ? toolOutput : JSON.stringify(toolOutput)}`;
}
