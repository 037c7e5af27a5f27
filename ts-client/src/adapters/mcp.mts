/** `import` gets the module that `require` gets, see `../index.mts`; the SDK declares its classes twice, once for each. */
import type { Server } from "@modelcontextprotocol/server";
import { type McpServerOptions, mcpServer as required, type ToolRunner } from "./mcp.js";

export {
  type McpServerOptions,
  type ModelToolOptions,
  serveMcp,
  ToolCallError,
  type ToolRunner,
} from "./mcp.js";

/** A server of the tools that are registered when it is asked, without a transport yet. */
export const mcpServer = required as unknown as (runner: ToolRunner, options?: McpServerOptions) => Server;
