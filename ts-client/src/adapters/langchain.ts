/** Registered tools for LangChain.js: `createAgent({ model, tools: await pythonTools(runner) })`, `model.bindTools(...)`. */
import { ToolMessage } from "@langchain/core/messages";
import { DynamicStructuredTool } from "@langchain/core/tools";
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
      func: async (input, _manager, config) => await callTool(runner, id, input, config?.signal),
    });
  }

  /**
   * The schema is for the model to read, and only the sidecar holds the arguments against it: there a schema that was
   * derived from a tool's hints can keep nobody else waiting, and what does not fit is said in full.
   */
  override call(
    ...parameters: Parameters<DynamicStructuredTool["call"]>
  ): ReturnType<DynamicStructuredTool["call"]> {
    const unchecked: DynamicStructuredTool = Object.create(this, { schema: { value: { type: "object" } } });
    return super.call.apply(unchecked, parameters);
  }

  override async invoke(
    ...[input, config]: Parameters<DynamicStructuredTool["invoke"]>
  ): ReturnType<DynamicStructuredTool["invoke"]> {
    try {
      return await super.invoke(input, config);
    } catch (error) {
      const callId = isRecord(input) && input.type === "tool_call" ? input.id : undefined;
      if (typeof callId !== "string" || !(error instanceof ToolCallError)) throw error;
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
