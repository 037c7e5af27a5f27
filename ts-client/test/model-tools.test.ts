/** What a model is shown and told, whatever the framework. */
import assert from "node:assert/strict";
import test from "node:test";
import { modelTools, type ToolRunner } from "../src/adapters/model-tools.js";
import { callTool, ToolCallError } from "../src/adapters/tool-call.js";
import type { ToolReport } from "../src/protocol.js";
import type { ToolResult } from "../src/tool-result.js";

/** A runner of these tools, each of which gives `result`. */
function stub(tools: Partial<ToolReport>[], result: ToolResult = { ok: true }): ToolRunner {
  const blank = { id: "", name: null, description: null, schema: null, codeHash: "" };
  return {
    list: async () => tools.map((tool) => ({ ...blank, ...tool })),
    run: async () => ({ result }) as Awaited<ReturnType<ToolRunner["run"]>>,
  };
}

test("a tool without a schema, a name or a description is offered all the same", async () => {
  assert.deepEqual(await modelTools(stub([{ id: "t" }])), [
    {
      id: "t",
      name: "t",
      title: undefined,
      description: "The tool t.",
      inputSchema: { type: "object", properties: {} },
    },
  ]);
});

test("a schema goes to the model as it was registered, with the type that it may have left out", async () => {
  const schema = { properties: { n: { type: "integer" } }, required: ["n"], $defs: {} };
  const [tool] = await modelTools(stub([{ id: "t", name: "T", description: "d", schema }]));
  assert.deepEqual(tool?.inputSchema, { ...schema, type: "object" });
  assert.deepEqual([tool?.title, tool?.description], ["T", "d"]);
});

test("a name has letters, digits and underscores only, and 64 of them at most", async () => {
  const tools = await modelTools(stub([{ id: "word-count" }, { id: "a.b/c d" }, { id: "x".repeat(200) }]));
  assert.deepEqual(
    tools.map(({ name }) => name),
    ["word_count", "a_b_c_d", "x".repeat(64)],
  );
});

test("`only` chooses, and an id that nobody registered is an error that names it", async () => {
  const runner = stub([{ id: "a" }, { id: "b" }, { id: "c" }]);
  const chosen = await modelTools(runner, { only: ["c", "a"] });
  assert.deepEqual(
    chosen.map(({ id }) => id),
    ["a", "c"],
  );
  assert.deepEqual(await modelTools(runner, { only: [] }), []);
  await assert.rejects(modelTools(runner, { only: ["a", "d"] }), { code: "tool_not_found", message: /"d"/ });
});

test("what a model could not call is an error, unless it is left out", async () => {
  const clash = stub([{ id: "a-b" }, { id: "a.b" }]);
  await assert.rejects(modelTools(clash), { code: "invalid_tool", message: /"a\.b".*"a_b".*"a-b"/ });
  assert.equal((await modelTools(clash, { only: ["a.b"] })).length, 1);
  const list = stub([{ id: "list", schema: { type: "array" } }]);
  await assert.rejects(modelTools(list), { code: "invalid_tool", message: /"list".*"array"/ });
});

test("a call resolves with what the tool returned, alone", async () => {
  const results: [ToolResult, unknown][] = [
    [{ ok: true, data: [1] }, [1]],
    [{ ok: true, data: null }, null],
    [{ ok: true }, null],
    [
      { ok: true, rows: 2, data: 1 },
      { rows: 2, data: 1 },
    ],
    [{ ok: 1 as unknown as boolean, data: "x" }, "x"],
  ];
  for (const [result, value] of results) {
    assert.deepEqual(await callTool(stub([], result), "t", {}, undefined), value);
  }
});

test("a failure is a text that says what to do, and keeps what it was made of", async () => {
  const errors = [
    { instancePath: "/n", message: "must be integer" },
    { instancePath: "", message: "must have required property 'a'" },
  ];
  const texts: [unknown, string][] = [
    [
      { message: "no", code: "invalid_args", errors, hint: "see `errors`" },
      "The arguments are not valid:\n- /n must be integer\n- args must have required property 'a'\nCorrect them and call the tool again.",
    ],
    [{ message: "no", code: "invalid_args", errors: [], hint: "shorter" }, "no\nshorter"],
    [
      { message: "'a'", type: "KeyError", code: "tool_error", line: 3, hint: "pass it", traceback: "…" },
      "KeyError: 'a' (line 3 of the tool)\npass it",
    ],
    [{ message: "own words" }, "own words"],
    ["just text", "just text"],
    [undefined, "The tool gave no reason."],
    [{}, "The tool gave no reason."],
    [{ message: { a: 1 } }, '{"a":1}'],
  ];
  for (const [error, text] of texts) {
    const result = { ok: false, error } as ToolResult;
    await assert.rejects(callTool(stub([], result), "t", {}, undefined), (thrown) => {
      assert.ok(thrown instanceof ToolCallError);
      assert.equal(thrown.message, text);
      return true;
    });
  }
});

test("a call that did not reach its tool rejects as `run` does", async () => {
  const gone = new Error("the sidecar is gone");
  const runner = { ...stub([]), run: () => Promise.reject(gone) };
  await assert.rejects(callTool(runner, "t", {}, undefined), gone);
});
