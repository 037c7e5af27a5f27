/** An MCP server of Python tools on stdin and stdout: what an MCP client starts. Run: `npx tsx` and this file. */
import { PyRunner } from "pyrunner";
import { serveMcp } from "pyrunner/mcp";
import { registerWordCount } from "./word-count.mjs";

const runner = new PyRunner();
await registerWordCount(runner);
serveMcp(runner, { name: "word-tools", version: "1.0.0" });
