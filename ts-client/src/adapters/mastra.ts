/** Registered tools for Mastra: `new Agent({ id, name, instructions, model, tools: await pythonTools(runner) })`. */
import type { StandardSchemaWithJSON } from "@mastra/core/schema";
import { createTool, type Tool } from "@mastra/core/tools";
import { type ModelToolOptions, modelTools, type ObjectSchema, type ToolRunner } from "./model-tools.js";
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
        inputSchema: shown(inputSchema),
        execute: (input, context) => callTool(runner, id, input, context?.abortSignal),
      }),
    ]),
  );
}

/**
 * The schema for the model to read (Standard JSON Schema). It checks nothing here: the sidecar does, where a schema that
 * was derived from a tool's hints can keep nobody else waiting, and its words reach the model.
 */
function shown(schema: ObjectSchema): StandardSchemaWithJSON {
  const json = (): Record<string, unknown> => ({ ...schema });
  const validate = (value: unknown) => ({ value });
  return {
    "~standard": { version: 1, vendor: "pyrunner", validate, jsonSchema: { input: json, output: json } },
  };
}
