/** Each adapter with the real package of its framework and the real sidecar. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { ToolMessage } from "@langchain/core/messages";
import type { ToolExecutionContext } from "@mastra/core/tools";
import { Client, InMemoryTransport } from "@modelcontextprotocol/client";
import { invokeFunctionTool, RunContext } from "@openai/agents";
import * as aiSdk from "../../src/adapters/ai-sdk.js";
import * as langchain from "../../src/adapters/langchain.js";
import * as mastra from "../../src/adapters/mastra.js";
import { mcpServer } from "../../src/adapters/mcp.js";
import * as openaiAgents from "../../src/adapters/openai-agents.js";
import { PyRunner } from "../../src/index.js";

const WAIT_MS = 10_000;
const runner = new PyRunner();

before(async () => {
  await runner.register({ id: "echo" }, "def run(args): return args");
  await runner.register({ id: "number" }, "def run(args): return 7");
  await runner.register({ id: "loop" }, "def run(args):\n    while True: pass");
  await runner.register({ id: "fail" }, "def run(args): return {}['gone']");
  await runner.register({ id: "typed" }, "def run(*, n: int): return n");
});
after(() => runner.close());

/** How one adapter calls one tool, as its framework would: the value, or what is thrown, or the text for a model. */
type Call = (id: string, args: object, signal?: AbortSignal) => Promise<unknown>;

const callId = "call-1";

const ADAPTERS: Record<string, Call> = {
  async "AI SDK"(id, args, abortSignal) {
    const { [id]: tool } = await aiSdk.pythonTools(runner);
    return tool?.execute?.(args as Record<string, unknown>, {
      toolCallId: callId,
      messages: [],
      context: {},
      ...(abortSignal && { abortSignal }),
    });
  },
  async "OpenAI Agents"(id, args, signal) {
    const tool = (await openaiAgents.pythonTools(runner)).find(({ name }) => name === id);
    assert.ok(tool?.type === "function");
    const details = signal && { signal };
    return invokeFunctionTool({
      tool,
      runContext: new RunContext({}),
      input: JSON.stringify(args),
      ...(details && { details }),
    });
  },
  async LangChain(id, args, signal) {
    const tool = (await langchain.pythonTools(runner)).find(({ name }) => name === id);
    return tool?.invoke(args as never, signal && { signal });
  },
  async Mastra(id, args, abortSignal) {
    const { [id]: tool } = await mastra.pythonTools(runner);
    return tool?.execute?.(args, (abortSignal ? { abortSignal } : {}) as ToolExecutionContext);
  },
  async MCP(id, args, signal) {
    const client = await mcpClient();
    try {
      const { isError, content } = await client.callTool(
        { name: id, arguments: { ...args } },
        signal && { signal },
      );
      const [first] = content;
      assert.ok(first?.type === "text");
      return isError ? first.text : JSON.parse(first.text);
    } finally {
      await client.close();
    }
  },
};

async function mcpClient(): Promise<Client> {
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  const client = new Client({ name: "test", version: "1.0.0" });
  await Promise.all([mcpServer(runner).connect(theirs), client.connect(ours)]);
  return client;
}

/** The text for the model: resolved with, or in what is thrown. */
async function told(outcome: Promise<unknown>): Promise<string> {
  const value = await outcome.catch((error: unknown) => (error instanceof Error ? error.message : error));
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Resolves when so many calls run; asks again and again, and no longer than `WAIT_MS`. */
async function running(count: number): Promise<void> {
  const deadline = performance.now() + WAIT_MS;
  while ((await runner.stats()).gauges.running !== count) {
    assert.ok(performance.now() < deadline, `there are not ${count} calls running`);
    await setImmediate();
  }
}

for (const [name, call] of Object.entries(ADAPTERS)) {
  test(`${name}: arguments reach the tool and its result comes back, as JSON`, async () => {
    const args = { text: "Київ", list: [1, null, { deep: true }] };
    assert.deepEqual(await call("echo", args), args);
    assert.equal(Number(await call("number", {})), 7);
  });

  test(`${name}: what does not fit is told in the sidecar's words, what fails too, and the next call works`, async () => {
    assert.match(
      await told(call("typed", { n: "one" })),
      /The arguments are not valid:\n- \/n must be integer/,
    );
    assert.match(await told(call("fail", {})), /KeyError: 'gone' \(line 1 of the tool\)/);
    assert.equal(Number(await call("typed", { n: 1 })), 1);
  });

  test(`${name}: an abort ends the tool's process`, async () => {
    const controller = new AbortController();
    const outcome = told(call("loop", {}, controller.signal));
    await running(1);
    controller.abort(new Error("changed my mind"));
    assert.match(await outcome, /changed my mind|abort/i);
    await running(0);
  });
}

test("LangChain: a model's tool call gets a ToolMessage, also where the tool failed", async () => {
  const tools = await langchain.pythonTools(runner);
  const answers = new Map<string, ToolMessage>();
  for (const [id, args] of Object.entries({ number: {}, fail: {}, typed: {} })) {
    const tool = tools.find(({ name }) => name === id) ?? assert.fail();
    const answer = await tool.invoke({ type: "tool_call", id: callId, name: id, args });
    assert.ok(answer instanceof ToolMessage);
    assert.equal(answer.tool_call_id, callId);
    answers.set(id, answer);
  }
  assert.deepEqual([answers.get("number")?.status, answers.get("number")?.content], ["success", "7"]);
  assert.equal(answers.get("fail")?.status, "error");
  assert.match(String(answers.get("fail")?.content), /KeyError/);
  assert.match(String(answers.get("typed")?.content), /required property 'n'/);
});

test("MCP: tools are listed with their schemas, an unknown one is a protocol error", async (t) => {
  const client = await mcpClient();
  t.after(() => client.close());
  const { tools } = await client.listTools();
  assert.deepEqual(
    tools.map(({ name }) => name),
    ["echo", "number", "loop", "fail", "typed"],
  );
  assert.deepEqual(tools.at(-1)?.inputSchema.required, ["n"]);
  await assert.rejects(client.callTool({ name: "nobody" }), /Unknown tool: nobody/);
  const { structuredContent } = await client.callTool({ name: "echo", arguments: { a: 1 } });
  assert.deepEqual(structuredContent, { a: 1 });
});

test("a call that does not reach its tool is the host's affair, and no text for a model", async () => {
  const closed = new PyRunner();
  const listed = { list: () => runner.list(), run: closed.run.bind(closed) };
  await closed.close();
  const tools = await openaiAgents.pythonTools(listed, { only: ["echo"] });
  const [tool] = tools;
  assert.ok(tool?.type === "function");
  await assert.rejects(invokeFunctionTool({ tool, runContext: new RunContext({}), input: "{}" }), {
    code: "closed",
  });
});
