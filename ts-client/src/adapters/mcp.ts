/**
 * Registered tools as a server of the Model Context Protocol, for any MCP client. By the specification (2026-07-28,
 * "Tools", error handling) a tool's failure is a result with `isError`, and only an unknown tool is a protocol error.
 */
import {
  type CallToolResult,
  type ListToolsResult,
  ProtocolError,
  ProtocolErrorCode,
  Server,
} from "@modelcontextprotocol/server";
import { type StdioServerHandle, serveStdio } from "@modelcontextprotocol/server/stdio";
import { isRecord } from "../errors.js";
import { type ModelToolOptions, modelTools, type ToolRunner } from "./model-tools.js";
import { callTool, ToolCallError } from "./tool-call.js";

export type { ModelToolOptions, ToolRunner } from "./model-tools.js";
export { ToolCallError } from "./tool-call.js";

export interface McpServerOptions extends ModelToolOptions {
  /** What the server calls itself. Default: `pyrunner`. */
  readonly name?: string | undefined;
  readonly version?: string | undefined;
}

/** A server of the tools that are registered when it is asked, without a transport yet. */
export function mcpServer(runner: ToolRunner, options: McpServerOptions = {}): Server {
  const { name = "pyrunner", version = "1.0.0" } = options;
  const server = new Server({ name, version }, { capabilities: { tools: {} } });
  server.setRequestHandler("tools/list", async () => {
    const tools = await modelTools(runner, options);
    return {
      tools: tools.map(({ name, title, description, inputSchema }) => ({
        name,
        title,
        description,
        inputSchema: inputSchema as ListedSchema,
      })),
    };
  });
  server.setRequestHandler("tools/call", async ({ params }, { mcpReq }) => {
    const tool = (await modelTools(runner, options)).find((each) => each.name === params.name);
    if (tool === undefined) {
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown tool: ${params.name}`);
    }
    try {
      const value = await callTool(runner, tool.id, params.arguments, mcpReq.signal);
      return server.projectCallToolResult(successful(value), undefined);
    } catch (error) {
      if (!(error instanceof ToolCallError)) throw error;
      return { isError: true, content: [{ type: "text", text: error.message }] };
    }
  });
  return server;
}

/** Serve the tools on this process's stdin and stdout, until the client closes them. */
export function serveMcp(runner: ToolRunner, options?: McpServerOptions): StdioServerHandle {
  return serveStdio(() => mcpServer(runner, options));
}

type ListedSchema = ListToolsResult["tools"][number]["inputSchema"];

function successful(value: unknown): CallToolResult {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return { content: [{ type: "text", text }], ...(isRecord(value) && { structuredContent: value }) };
}
