/** What the engine promises of its tools, whichever process they run in. */
import assert from "node:assert/strict";
import test from "node:test";
import { PyRunner, ToolEngine } from "../../src/index.js";

const SCHEMA = {
  type: "object",
  required: ["text"],
  additionalProperties: false,
  properties: {
    text: { type: "string", minLength: 2, pattern: "^a" },
    limit: { type: "integer", minimum: 1, multipleOf: 2 },
    kind: { enum: ["x", "y"] },
    exact: { const: 1 },
    items: { type: "array", maxItems: 1, uniqueItems: true, items: { type: ["number", "null"] } },
    when: { type: "string", format: "date" },
  },
};

/** The last ones fit. */
const ARGUMENTS: object[] = [
  {},
  { text: 7 },
  { text: "b" },
  { text: "ab", more: 1 },
  { text: "ab", limit: 0 },
  { text: "ab", limit: 3 },
  { text: "ab", kind: "z" },
  { text: "ab", exact: 2 },
  { text: "ab", items: ["s"] },
  { text: "ab", items: [1, 2] },
  { text: "ab", when: "no date" },
  { text: "ab", limit: 2, kind: "x", exact: 1, items: [null], when: "2026-01-31" },
];

test("a Python tool and a function of the host refuse the same arguments with the same failure", async (t) => {
  const engine = new ToolEngine();
  const pyRunner = new PyRunner();
  t.after(() => pyRunner.close());
  engine.pyRunner = pyRunner;
  engine.register({ id: "py", schema: SCHEMA }, "def run(args): return 'fits'");
  engine.register({ id: "host", schema: SCHEMA }, () => "fits");
  for (const args of ARGUMENTS) {
    const [py, host] = [await engine.invoke("py", args), await engine.invoke("host", args)];
    assert.deepEqual(host, py, JSON.stringify(args));
    assert.equal(py.ok, ARGUMENTS.indexOf(args) >= ARGUMENTS.length - 2);
  }
});

test("two engines, each with a runner of its own, have tools with one id in one sidecar", async (t) => {
  const engines = [new ToolEngine(), new ToolEngine()];
  const runners = engines.map(() => new PyRunner());
  for (const [index, engine] of engines.entries()) {
    const pyRunner = runners[index] ?? assert.fail();
    t.after(() => pyRunner.close());
    engine.pyRunner = pyRunner;
    engine.register({ id: "same" }, `def run(args): return ${index}`);
  }
  assert.deepEqual(await Promise.all(engines.map((engine) => engine.invoke("same"))), [
    { ok: true, data: 0 },
    { ok: true, data: 1 },
  ]);
  assert.equal((await runners[0]?.stats())?.tools, 2);
  await runners[0]?.close();
  assert.deepEqual(await engines[1]?.invoke("same"), { ok: true, data: 1 });
  const { error } = (await engines[1]?.invoke("same", {}, { signal: AbortSignal.abort() })) ?? {};
  assert.equal(error?.code, "cancelled");
});

test("the line of a tool's failure is told by its own id, whoever shares the sidecar", async (t) => {
  for (const name of ["first", "second"]) {
    const runner = new PyRunner();
    t.after(() => runner.close());
    await runner.register({ id: name }, "def run(args):\n    return 1 / 0");
    const { error } = await runner.runSafe(name);
    assert.match(error?.traceback ?? "", new RegExp(`File "<tool:${name}>", line 2`));
  }
});
