/** The OpenAI Agents SDK with Python tools; the model is scripted, so that no key is needed. Run: `npx tsx` and this file. */
import { Agent, type Model, type ModelRequest, Runner, Usage } from "@openai/agents";
import { PyRunner } from "pyrunner";
import { pythonTools } from "pyrunner/openai-agents";
import { answer, QUESTION, registerWordCount, TRIES } from "./word-count.mjs";

await using runner = new PyRunner();
await registerWordCount(runner);

/** What the tool has said so far, as a model gets it. */
function toolOutputs({ input }: ModelRequest): string[] {
  const items = typeof input === "string" ? [] : input;
  return items.flatMap((item) => {
    if (item.type !== "function_call_result") return [];
    const { output } = item;
    return [typeof output === "string" ? output : "text" in output ? output.text : JSON.stringify(output)];
  });
}

const model: Model = {
  async getResponse(request) {
    const outputs = toolOutputs(request);
    const args = TRIES[outputs.length];
    if (args === undefined) {
      const content = [{ type: "output_text" as const, text: answer(outputs.at(-1)) }];
      return {
        usage: new Usage(),
        output: [{ type: "message", role: "assistant", status: "completed", content }],
      };
    }
    if (outputs.length > 0) console.log(`The tool refused: ${outputs.at(-1)}`);
    const call = {
      type: "function_call" as const,
      callId: `call-${outputs.length}`,
      name: "word_count",
      status: "completed" as const,
      arguments: JSON.stringify(args),
    };
    return { usage: new Usage(), output: [call] };
  },
  // biome-ignore lint/correctness/useYield: this script does not stream
  async *getStreamedResponse() {
    throw new Error("this model does not stream");
  },
};

const agent = new Agent({ name: "counter", model, tools: await pythonTools(runner) });
const { finalOutput } = await new Runner({ tracingDisabled: true }).run(agent, QUESTION);
console.log(finalOutput);
