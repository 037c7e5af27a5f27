/** Registered tools for the OpenAI Agents SDK: `new Agent({ name, tools: await pythonTools(runner) })`. */
import { type Tool, tool } from "@openai/agents";
import { type ModelToolOptions, modelTools, type ObjectSchema, type ToolRunner } from "./model-tools.js";
import { callTool, ToolCallError } from "./tool-call.js";

export type { ModelToolOptions, ToolRunner } from "./model-tools.js";
export { ToolCallError } from "./tool-call.js";

/**
 * The tools, not strict: strict mode takes a part of JSON Schema only, and the sidecar checks the arguments anyway. A tool
 * that fails is a text for the model; a call that did not reach its tool ends the run.
 */
export async function pythonTools(runner: ToolRunner, options?: ModelToolOptions): Promise<Tool[]> {
  const tools = await modelTools(runner, options);
  return tools.map(({ id, name, description, inputSchema }) =>
    tool({
      name,
      description,
      parameters: inputSchema as NonStrictSchema,
      strict: false,
      execute: (input, _context, details) => callTool(runner, id, input, details?.signal),
      errorFunction: (_context, error) => {
        if (error instanceof ToolCallError) return error.message;
        throw error;
      },
    }),
  );
}

/** The SDK's type wants members that are optional in JSON Schema; what it does with the schema does not need them. */
type NonStrictSchema = ObjectSchema & { required: string[]; additionalProperties: true; properties: never };
