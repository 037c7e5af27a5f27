/** Compiled by `npm run check` and never run: what each adapter gives fits its framework, as `import` sees both. */
import type { StructuredToolInterface } from "@langchain/core/tools";
import { Agent as MastraAgent } from "@mastra/core/agent";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { Agent } from "@openai/agents";
import { generateText, type LanguageModel } from "ai";
import { PyRunner } from "pyrunner";
import { pythonTools as forAiSdk } from "pyrunner/ai-sdk";
import { pythonTools as forLangChain } from "pyrunner/langchain";
import { pythonTools as forMastra } from "pyrunner/mastra";
import { mcpServer } from "pyrunner/mcp";
import { pythonTools as forOpenAiAgents } from "pyrunner/openai-agents";

const runner = new PyRunner();
const only = ["word-count"];

export const langChainTools: StructuredToolInterface[] = await forLangChain(runner, { only });
export const agent = new Agent({ name: "a", tools: await forOpenAiAgents(runner) });
export const mastraAgent = new MastraAgent({
  id: "a",
  name: "a",
  instructions: "",
  model: "openai/gpt",
  tools: await forMastra(runner),
});
export const server = serveStdio(() => mcpServer(runner, { only }));
export async function text(model: LanguageModel): Promise<string> {
  return (await generateText({ model, tools: await forAiSdk(runner), prompt: "" })).text;
}
