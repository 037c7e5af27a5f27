/** An MCP client that starts the server beside it and calls its tool as a model would. Run: `npx tsx` and this file. */
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { answer, TRIES } from "./word-count.mjs";

const server = fileURLToPath(new URL("mcp-server.mts", import.meta.url));
const client = new Client({ name: "example", version: "1.0.0" });
await client.connect(
  new StdioClientTransport({ command: process.execPath, args: ["--import", "tsx", server] }),
);
try {
  const { tools } = await client.listTools();
  console.log(`The server has ${tools.map(({ name, description }) => `${name}: ${description}`).join("; ")}`);
  for (const args of TRIES) {
    const { isError, content } = await client.callTool({ name: "word_count", arguments: args });
    const [first] = content;
    const text = first?.type === "text" ? first.text : "";
    console.log(isError ? `The tool refused: ${text}` : answer(text));
  }
} finally {
  await client.close();
}
