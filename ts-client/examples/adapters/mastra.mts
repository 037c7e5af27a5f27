/** Mastra with Python tools; the model is scripted, so that no key is needed. Run: `npx tsx` and this file. */
import { Agent } from "@mastra/core/agent";
import type { MastraModelConfig } from "@mastra/core/llm";
import { MockLanguageModelV4 } from "ai/test";
import { PyRunner } from "pyrunner";
import { pythonTools } from "pyrunner/mastra";
import { answer, QUESTION, registerWordCount, TRIES } from "./word-count.mjs";

await using runner = new PyRunner();
await registerWordCount(runner);

const model = new MockLanguageModelV4({
  doGenerate: async ({ prompt }) => {
    const outputs = prompt.flatMap(({ role, content }) => (role === "tool" ? content : []));
    const input = TRIES[outputs.length];
    const last = outputs.at(-1);
    const output = last?.type === "tool-result" && "value" in last.output ? last.output.value : undefined;
    if (outputs.length === 1) console.log(`The tool refused: ${JSON.stringify(output)}`);
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

const agent = new Agent({
  id: "counter",
  name: "counter",
  instructions: "Count words.",
  // The same interface, declared twice: by the AI SDK and by Mastra.
  model: model as unknown as MastraModelConfig,
  tools: await pythonTools(runner),
});
const { text } = await agent.generate(QUESTION, { maxSteps: 5 });
console.log(text);
