import assert from "node:assert/strict";
import test from "node:test";
import { Script } from "node:vm";
import { ToolEngine } from "../src/engine/tool-engine.js";
import { PyRunner } from "../src/py-runner.js";
import { fakeRunner } from "./fake-sidecar.js";

/** A bus that keeps what it gets, without what differs from run to run. */
function recorder() {
  const events: unknown[] = [];
  return {
    events,
    emit(type: string, payload: object): void {
      const { duration, invocationId, ...rest } = payload as Record<string, unknown>;
      assert.equal(typeof invocationId, "string");
      events.push([type, rest]);
    },
  };
}

test("a py tool is registered in the sidecar with its schema, at its first call", async (t) => {
  const engine = new ToolEngine();
  const schema = { type: "object", required: ["text"] };
  engine.register({ id: "p", name: "P", description: "d", runner: "py", schema }, "params");
  engine.pyRunner = fakeRunner(t);
  const { data } = await engine.invoke("p", { text: "x" });
  assert.deepEqual(data, {
    run: { id: "p", args: { text: "x" } },
    registered: { id: "p", code: "params", name: "P", description: "d", schema },
  });
});

test("a builtin tool gets arguments and context, and its value is wrapped as a Python value is", async () => {
  const engine = new ToolEngine();
  const { signal } = new AbortController();
  engine.register({ id: "plain", runner: "builtin" }, (args) => args);
  engine.register({ id: "dict", runner: "builtin" }, async () => ({
    ok: false,
    error: { message: "no" },
    extra: 1,
  }));
  engine.register({ id: "nothing", runner: "builtin" }, () => undefined);
  engine.register({ id: "ctx", runner: "builtin" }, (_args, ctx) => ctx.signal === signal);
  engine.register({ id: "throws", runner: "builtin" }, () => {
    throw new TypeError("not that");
  });
  assert.deepEqual(await engine.invoke("plain", [1]), { ok: true, data: [1] });
  assert.deepEqual(await engine.invoke("dict"), { ok: false, error: { message: "no" }, extra: 1 });
  assert.deepEqual(await engine.invoke("nothing"), { ok: true, data: null });
  assert.deepEqual(await engine.invoke("ctx", {}, { signal }), { ok: true, data: true });
  assert.deepEqual(await engine.invoke("throws"), {
    ok: false,
    error: { message: "not that", type: "TypeError", code: "tool_error" },
  });
});

test("events tell of the invocation, the execution and the outcome, in this order", async (t) => {
  const bus = recorder();
  const engine = new ToolEngine(bus);
  engine.pyRunner = fakeRunner(t);
  engine.register({ id: "good", runner: "py" }, "echo");
  engine.register({ id: "bad", runner: "py" }, "fail");
  engine.register({ id: "own", runner: "builtin" }, () => 1);
  const usage = {
    isolation: { level: "none", layers: [] },
    wallMs: 1,
    cpuMs: 1,
    maxRssMB: 8,
    queueMs: 0,
    peakMemoryMB: 1,
    spawnMs: 0,
    runMs: 1,
  };

  await engine.invoke("good", { a: 1 });
  assert.deepEqual(bus.events.splice(0), [
    ["ToolInvocationEvent", { toolId: "good", args: { a: 1 } }],
    ["ToolExecutionEvent", { type: "python", toolId: "good", ok: true, ...usage }],
    ["ToolResultEvent", { toolId: "good", result: { ok: true, data: { a: 1 } } }],
  ]);
  await engine.invoke("bad");
  const error = { message: "no", type: "ValueError", code: "tool_error" };
  assert.deepEqual(bus.events.splice(0), [
    ["ToolInvocationEvent", { toolId: "bad", args: {} }],
    ["ToolExecutionEvent", { type: "python", toolId: "bad", ok: false, code: "tool_error", ...usage }],
    ["ToolErrorEvent", { toolId: "bad", error }],
  ]);
  await engine.invoke("own");
  assert.deepEqual(bus.events.splice(0)[1], [
    "ToolExecutionEvent",
    { type: "builtin", toolId: "own", ok: true },
  ]);
});

test("an unknown id is a result, not a rejection", async () => {
  const { ok, error } = await new ToolEngine().invoke("nobody");
  assert.deepEqual([ok, error?.code], [false, "tool_not_found"]);
  assert.match(error?.message ?? "", /"nobody"/);
});

test("code that does not compile is a result with the line, at every call", async (t) => {
  const engine = new ToolEngine();
  engine.pyRunner = fakeRunner(t);
  engine.register({ id: "b", runner: "py" }, "broken");
  for (let call = 0; call < 2; call += 1) {
    const { ok, error } = await engine.invoke("b");
    assert.deepEqual([ok, error?.code, error?.data], [false, "invalid_tool", { line: 1, column: 5 }]);
  }
});

test("a runner that is set later runs the later calls, also of tools registered before", async (t) => {
  const engine = new ToolEngine();
  engine.register({ id: "pid", runner: "py" }, "pid");
  engine.pyRunner = fakeRunner(t);
  const first = await engine.invoke("pid");
  assert.deepEqual(await engine.invoke("pid"), first);
  engine.pyRunner = fakeRunner(t);
  const second = await engine.invoke("pid");
  assert.equal(second.ok, true);
  assert.notEqual(second.data, first.data);
});

test("a runner is made at the first need, and only then", async (t) => {
  process.env.PYRUNNER_SIDECAR = "/nonexistent/python3";
  t.after(() => delete process.env.PYRUNNER_SIDECAR);
  const engine = new ToolEngine();
  engine.register({ id: "a", runner: "py" }, "echo");
  engine.register({ id: "b", runner: "builtin" }, () => "no Python here");
  assert.equal((await engine.invoke("b")).ok, true);
  assert.match((await engine.invoke("a")).error?.message ?? "", /^Failed to spawn Python process: /);
  assert.ok(engine.pyRunner instanceof PyRunner);
});

test("an aborted invocation resolves with `cancelled`", async (t) => {
  const engine = new ToolEngine();
  engine.pyRunner = fakeRunner(t);
  engine.register({ id: "hang", runner: "py" }, "hang");
  engine.register({ id: "own", runner: "builtin" }, () => 1);
  for (const [id, signal] of [
    ["hang", AbortSignal.timeout(50)],
    ["hang", AbortSignal.abort()],
    ["own", AbortSignal.abort()],
  ] as const) {
    const { ok, error } = await engine.invoke(id, {}, { signal });
    assert.deepEqual([ok, error?.code, error?.type], [false, "cancelled", "AbortError"]);
  }
});

test("list gives the definitions in the order of registration", () => {
  const engine = new ToolEngine();
  const definitions = [
    { id: "b", name: "B", runner: "py" },
    { id: "a", description: "…", runner: "py" },
  ] as const;
  for (const definition of definitions) engine.register(definition, "echo");
  assert.deepEqual(engine.list(), definitions);
});

test("what is registered decides the runner where the definition does not: a function runs here, a text is Python", async (t) => {
  const engine = new ToolEngine();
  engine.pyRunner = fakeRunner(t);
  engine.register({ id: "function" }, (args) => args);
  engine.register({ id: "js", runner: "js" }, (args) => args);
  engine.register({ id: "undefined", runner: undefined }, (args) => args);
  engine.register({ id: "text" }, "params");
  for (const id of ["function", "js", "undefined"]) {
    assert.deepEqual(await engine.invoke(id, 7), { ok: true, data: 7 });
  }
  assert.deepEqual((await engine.invoke("text", 7)).data, {
    run: { id: "text", args: 7 },
    registered: { id: "text", code: "params" },
  });
  assert.deepEqual(engine.list(), [
    { id: "function", runner: "builtin" },
    { id: "js", runner: "js" },
    { id: "undefined", runner: "builtin" },
    { id: "text", runner: "py" },
  ]);
});

test("a js tool that is text runs in the runner that the host has set, made once for each runner", async () => {
  const engine = new ToolEngine();
  engine.register({ id: "twice", runner: "js" }, "args.n * 2");
  engine.register({ id: "broken", runner: "js" }, "]");
  const unset = await engine.invoke("twice", { n: 4 });
  assert.equal(unset.error?.code, "invalid_config");
  assert.match(unset.error?.message ?? "", /set toolEngine\.jsRunner/);
  const made: string[] = [];
  const runner = {
    createRunner(code: string) {
      made.push(code);
      const script = new Script(code);
      return (args: unknown) => script.runInNewContext({ args });
    },
  };
  engine.jsRunner = runner;
  assert.deepEqual(await engine.invoke("twice", { n: 4 }), { ok: true, data: 8 });
  assert.deepEqual(await engine.invoke("twice", { n: 5 }), { ok: true, data: 10 });
  assert.deepEqual(made, ["args.n * 2"]);
  const { error } = await engine.invoke("broken");
  assert.deepEqual([error?.type, error?.code], ["SyntaxError", "tool_error"]);
  engine.jsRunner = { ...runner };
  assert.deepEqual(await engine.invoke("twice", { n: 6 }), { ok: true, data: 12 });
  assert.equal(made.length, 3);
});

test("a definition that cannot be used throws at once, saying why", () => {
  const engine = new ToolEngine();
  engine.register({ id: "a", runner: "py" }, "echo");
  const register = (definition: unknown, implementation: unknown) => () =>
    engine.register(definition as never, implementation as never);
  assert.throws(register({ runner: "py" }, "echo"), { code: "invalid_tool", message: /needs an `id`/ });
  assert.throws(register(undefined, "echo"), { code: "invalid_tool" });
  assert.throws(register({ id: "b", runner: "rb" }, "echo"), {
    code: "invalid_tool",
    message: /runner "rb"; known are/,
  });
  assert.throws(
    register({ id: "b", runner: "py" }, () => 1),
    { code: "invalid_tool", message: /Python code as a text/ },
  );
  assert.throws(register({ id: "b", runner: "builtin" }, "echo"), {
    code: "invalid_tool",
    message: /a function/,
  });
  assert.throws(register({ id: "b", runner: "js" }, 7), {
    code: "invalid_tool",
    message: 'The tool "b" has the runner "js"; it needs its code as a text, or a function.',
  });
  for (const permissions of ["mail", [1]]) {
    assert.throws(register({ id: "b", permissions }, "echo"), {
      code: "invalid_tool",
      message: /permissions that are no array of texts/,
    });
  }
  assert.throws(register({ id: "b" }, undefined), { code: "invalid_tool", message: /Python code as a text/ });
  assert.throws(register({ id: "a", runner: "py" }, "echo"), {
    code: "tool_exists",
    message: /"a" is registered already/,
  });
  assert.equal(engine.list().length, 1);
});
