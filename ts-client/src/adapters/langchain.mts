/** `import` gets the module that `require` gets, see `../index.mts`; LangChain declares its classes twice, once for each. */
import type { DynamicStructuredTool } from "@langchain/core/tools";
import { type ModelToolOptions, pythonTools as required, type ToolRunner } from "./langchain.js";

export { type ModelToolOptions, ToolCallError, type ToolRunner } from "./langchain.js";

/** The tools, for agents and for `bindTools`. */
export const pythonTools = required as unknown as (
  runner: ToolRunner,
  options?: ModelToolOptions,
) => Promise<DynamicStructuredTool[]>;
