/** Registered tools for Mastra: `new Agent({ id, name, instructions, model, tools: await pythonTools(runner) })`. */
import { createTool, type Tool } from "@mastra/core/tools";
import { type ModelToolOptions, modelTools, type ToolRunner } from "./model-tools.js";
import { callTool } from "./tool-call.js";

export type { ModelToolOptions, ToolRunner } from "./model-tools.js";
export { ToolCallError } from "./tool-call.js";

/** The tools by the names that the model knows them by. A tool that fails throws, which Mastra hands to the model. */
export async function pythonTools(
  runner: ToolRunner,
  options?: ModelToolOptions,
): Promise<Record<string, Tool>> {
  const tools = await modelTools(runner, options);
  return Object.fromEntries(
    tools.map(({ id, name, description, inputSchema }) => [
      name,
      createTool({
        id: name,
        description,
        inputSchema,
        execute: (input, context) => callTool(runner, id, input, context?.abortSignal),
      }),
    ]),
  );
}
