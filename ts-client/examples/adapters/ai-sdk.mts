/** The Vercel AI SDK with Python tools; the model is scripted, so that no key is needed. Run: `npx tsx` and this file. */
import { generateText, stepCountIs } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import { PyRunner } from "pyrunner";
import { pythonTools } from "pyrunner/ai-sdk";
import { answer, QUESTION, registerWordCount, TRIES } from "./word-count.mjs";

await using runner = new PyRunner();
await registerWordCount(runner);

const model = new MockLanguageModelV4({
  doGenerate: async ({ prompt }) => {
    const outputs = prompt.flatMap(({ role, content }) => (role === "tool" ? content : []));
    const input = TRIES[outputs.length];
    const last = outputs.at(-1);
    const output = last?.type === "tool-result" && "value" in last.output ? last.output.value : undefined;
    return {
      content:
        input === undefined
          ? [{ type: "text", text: answer(output) }]
          : [
              {
                type: "tool-call",
                toolCallId: `call-${outputs.length}`,
                toolName: "word_count",
                input: JSON.stringify(input),
              },
            ],
      finishReason: { unified: input === undefined ? "stop" : "tool-calls", raw: undefined },
      usage: {
        inputTokens: { total: 0, noCache: 0, cacheRead: 0, cacheWrite: 0 },
        outputTokens: { total: 0, text: 0, reasoning: 0 },
      },
      warnings: [],
    };
  },
});

const { text, steps } = await generateText({
  model,
  tools: await pythonTools(runner),
  stopWhen: stepCountIs(5),
  prompt: QUESTION,
});
for (const { content } of steps) {
  for (const part of content) if (part.type === "tool-error") console.log(`The tool refused: ${part.error}`);
}
console.log(text);
