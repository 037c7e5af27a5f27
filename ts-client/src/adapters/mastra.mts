/** `import` gets the module that `require` gets; see `../index.mts`. */
export { type ModelToolOptions, pythonTools, ToolCallError, type ToolRunner } from "./mastra.js";
