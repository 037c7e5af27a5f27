/** Registered tools for LangChain.js: `createAgent({ model, tools: await pythonTools(runner) })`, `model.bindTools(...)`. */
import { ToolMessage } from "@langchain/core/messages";
import { DynamicStructuredTool, ToolInputParsingException } from "@langchain/core/tools";
import { isRecord } from "../errors.js";
import { type ModelTool, type ModelToolOptions, modelTools, type ToolRunner } from "./model-tools.js";
import { callTool, ToolCallError } from "./tool-call.js";

export type { ModelToolOptions, ToolRunner } from "./model-tools.js";
export { ToolCallError } from "./tool-call.js";

/** A tool that fails is a ToolMessage with the status `error` where a model's tool call was given, and throws otherwise. */
class PythonTool extends DynamicStructuredTool {
  constructor(runner: ToolRunner, { id, name, description, inputSchema }: ModelTool) {
    super({
      name,
      description,
      schema: inputSchema,
      // LangChain holds the arguments against the schema too, and says what does not fit only if asked.
      verboseParsingErrors: true,
      func: async (input, _manager, config) => await callTool(runner, id, input, config?.signal),
    });
  }

  override async invoke(
    ...[input, config]: Parameters<DynamicStructuredTool["invoke"]>
  ): ReturnType<DynamicStructuredTool["invoke"]> {
    try {
      return await super.invoke(input, config);
    } catch (error) {
      const callId = isRecord(input) && input.type === "tool_call" ? input.id : undefined;
      const isForModel = error instanceof ToolCallError || error instanceof ToolInputParsingException;
      if (typeof callId !== "string" || !isForModel) throw error;
      return new ToolMessage({
        status: "error",
        content: error.message,
        tool_call_id: callId,
        name: this.name,
      });
    }
  }
}

/** The tools, for agents and for `bindTools`. */
export async function pythonTools(
  runner: ToolRunner,
  options?: ModelToolOptions,
): Promise<DynamicStructuredTool[]> {
  const tools = await modelTools(runner, options);
  return tools.map((each) => new PythonTool(runner, each));
}
