/** Registered tools for the Vercel AI SDK: `generateText({ model, tools: await pythonTools(runner), ... })`. */
import { jsonSchema, type Tool, tool } from "ai";
import { type ModelToolOptions, modelTools, type ToolRunner } from "./model-tools.js";
import { callTool } from "./tool-call.js";

export type { ModelToolOptions, ToolRunner } from "./model-tools.js";
export { ToolCallError } from "./tool-call.js";

/**
 * The tools by the names that the model knows them by. The sidecar checks the arguments; a tool that fails throws, which
 * the SDK hands to the model as the text of a `tool-error`.
 */
export async function pythonTools(
  runner: ToolRunner,
  options?: ModelToolOptions,
): Promise<Record<string, Tool<Record<string, unknown>, unknown>>> {
  const tools = await modelTools(runner, options);
  return Object.fromEntries(
    tools.map(({ id, name, description, inputSchema }) => [
      name,
      tool({
        description,
        inputSchema: jsonSchema<Record<string, unknown>>(inputSchema),
        execute: (input: Record<string, unknown>, { abortSignal }: { abortSignal?: AbortSignal }) =>
          callTool(runner, id, input, abortSignal),
      }),
    ]),
  );
}
