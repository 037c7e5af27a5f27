import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import test from "node:test";
import { PyRunner } from "../src/py-runner.js";
import { dataOf, FAKE_SIDECAR, fakeRunner } from "./fake-sidecar.js";

test("a runner that is made, configured and closed starts no process", async () => {
  const runner = new PyRunner({ sidecar: "/nonexistent/python3" });
  const run = runner.createRunner("echo");
  assert.equal(typeof run, "function");
  assert.equal(runner.config.timeout, 30_000);
  await runner.close();
});

test("concurrent first uses share one sidecar", async (t) => {
  const runner = fakeRunner(t);
  const pids = await Promise.all([1, 2, 3].map(() => dataOf<number>(runner, "pid")));
  assert.equal(new Set(pids).size, 1);
});

test("createRunner's function resolves with the tool's result", async (t) => {
  const run = fakeRunner(t).createRunner("echo");
  assert.deepEqual(await run({ text: "Привіт" }), { ok: true, data: { text: "Привіт" } });
});

test("createRunner's function resolves with a failure when the protocol fails", async (t) => {
  const run = fakeRunner(t).createRunner("queue-full");
  assert.deepEqual(await run({}), {
    ok: false,
    error: {
      message: "refused: queue_full",
      type: "QueueFullError",
      code: "queue_full",
      data: { retryAfterMs: 50 },
    },
  });
});

test("createRunner's function resolves with a failure when no sidecar can be started", async (t) => {
  const runner = new PyRunner({ sidecar: "/nonexistent/python3" });
  t.after(() => runner.close());
  const { ok, error } = await runner.createRunner("echo")({});
  assert.equal(ok, false);
  assert.equal(error?.code, "sidecar_exited");
  assert.match(
    error?.message ?? "",
    /^Failed to spawn Python process: \/nonexistent\/python3 -m sidecar .*ENOENT/,
  );
});

test("runSafe resolves with the tool's result, and with whatever `run` rejects with as a failure", async (t) => {
  const runner = fakeRunner(t);
  await runner.register({ id: "e" }, "echo");
  assert.deepEqual(await runner.runSafe("e", { a: 1 }), { ok: true, data: { a: 1 } });
  const seen: string[] = [];
  const onStdout = (text: string): unknown => seen.push(text);
  assert.deepEqual(await runner.runSafe({ code: "stream" }, {}, { onStdout }), { ok: true, data: null });
  assert.deepEqual(seen, ["one\n", "two\n"]);
  const failures = [
    ["nobody", {}, {}, "tool_not_found"],
    [{ code: "queue-full" }, {}, {}, "queue_full"],
    [{ code: 7 }, {}, {}, "invalid_params"],
    [{ code: "echo" }, 1n, {}, "invalid_params"],
    [{ code: "echo" }, {}, { timeout: -1 }, "invalid_config"],
    [{ code: "echo" }, {}, { signal: AbortSignal.abort() }, "cancelled"],
    [{ code: "hang" }, {}, { abortSignal: AbortSignal.timeout(50) }, "cancelled"],
    [{ code: "die" }, {}, {}, "sidecar_exited"],
  ] as const;
  for (const [tool, args, options, code] of failures) {
    const { ok, error } = await runner.runSafe(tool as never, args, options);
    assert.deepEqual([ok, error?.code], [false, code], String(error?.message));
  }
  assert.deepEqual(await runner.runSafe("e", 1), { ok: true, data: 1 });
});

test("arguments that are nested too deeply are refused by name, and nothing else is disturbed", async (t) => {
  const runner = fakeRunner(t);
  let args: unknown = null;
  for (let level = 0; level < 500; level += 1) args = { args };
  const controller = new AbortController();
  const hanging = runner.run({ code: "hang" }, {}, { signal: controller.signal });
  await assert.rejects(runner.run({ code: "echo" }, args), {
    name: "InvalidParamsError",
    code: "invalid_params",
    message: /nested deeper than 200 levels/,
  });
  const { ok, error } = await runner.createRunner("echo")(args);
  assert.deepEqual([ok, error?.code], [false, "invalid_params"]);
  assert.match(error?.message ?? "", /nested deeper than 200 levels/);
  controller.abort();
  await assert.rejects(hanging, { name: "AbortError" });
});

test("code that is no text is a clear failure, and starts no sidecar", async () => {
  const runner = new PyRunner({ sidecar: "/nonexistent/python3" });
  const message = "the tool's code must be text";
  for (const code of [undefined, null, 7, {}, ["def run(args): pass"], Buffer.from("x")] as never[]) {
    assert.deepEqual(await runner.createRunner(code)({}), {
      ok: false,
      error: { message, type: "InvalidParamsError", code: "invalid_params" },
    });
    await assert.rejects(runner.run({ code }), {
      name: "InvalidParamsError",
      code: "invalid_params",
      message,
    });
  }
  for (const tool of [undefined, null, 7] as never[]) {
    await assert.rejects(runner.run(tool), { name: "InvalidParamsError", code: "invalid_params", message });
  }
});

test("an option or a variable that cannot be used is a clear failure at the first use, not a throw before it", async () => {
  const cases = [
    [{ env: { PYTHON_TIMEOUT_MS: "soon" } }, /^PYTHON_TIMEOUT_MS="soon" is not valid/],
    [{ env: { PYTHON_MAX_MEMORY_MB: "1" } }, /^PYTHON_MAX_MEMORY_MB="1" is not valid/],
    [{ env: { PYTHON_PATH: "/a:/b" } }, /^PYTHON_PATH="\/a:\/b" is not valid/],
    [{ timeout: -1 }, /^timeout=-1 is not valid/],
  ] as const;
  for (const [options, expected] of cases) {
    const runner = new PyRunner(options);
    const { ok, error } = await runner.createRunner("echo")({});
    assert.deepEqual([ok, error?.code], [false, "invalid_config"]);
    assert.match(error?.message ?? "", expected);
    await assert.rejects(runner.list(), { code: "invalid_config" });
  }
});

test("a run gets the limits of its own options, then of the runner's", async (t) => {
  const runner = fakeRunner(t, [], {
    timeout: 60_000,
    maxMemoryMb: 512,
    pythonPath: "python3",
    workingDir: "/tmp/w",
  });
  const { result } = await runner.run({ code: "params" }, {}, { timeoutMs: 5 });
  assert.deepEqual((result.data as { run: object }).run, {
    code: "params",
    args: {},
    pythonPath: "python3",
    timeout: 5,
    maxMemoryMB: 512,
    workingDir: "/tmp/w",
  });
});

test("a registered tool gets its own limits, then the runner's, and is run by its id", async (t) => {
  const runner = fakeRunner(t, [], { timeout: 60_000, maxMemoryMB: 512 });
  const schema = { type: "object" };
  await runner.register({ id: "p", name: "P", schema, timeout: 7 }, "params");
  const { result } = await runner.run("p", { a: 1 }, { maxMemoryMB: 99 });
  assert.deepEqual(result.data, {
    run: { id: "p", args: { a: 1 }, maxMemoryMB: 99 },
    registered: { id: "p", code: "params", name: "P", schema, timeout: 7, maxMemoryMB: 512 },
  });
});

test("register, list, unregister, validate and stats answer with the sidecar's replies", async (t) => {
  const runner = fakeRunner(t);
  assert.deepEqual(await runner.register({ id: "a" }, "echo"), { id: "a", codeHash: "0" });
  assert.deepEqual(
    (await runner.list()).map(({ id }) => id),
    ["a"],
  );
  await assert.rejects(runner.register({ id: "a" }, "pid"), { code: "tool_exists", rpcCode: -32011 });
  await runner.register({ id: "a", replace: true }, "pid");
  await runner.unregister("a");
  await assert.rejects(runner.run("a"), { code: "tool_not_found", isRetryable: false });
  await assert.rejects(runner.register({ id: "b" }, "broken"), {
    code: "invalid_tool",
    data: { line: 1, column: 5 },
  });
  assert.equal((await runner.validate("echo")).valid, true);
  assert.equal((await runner.stats()).inFlight, 0);
});

test("an aborted run rejects with the signal's reason, and createRunner's function resolves with `cancelled`", async (t) => {
  const runner = fakeRunner(t);
  const pid = await dataOf<number>(runner, "pid");
  const controller = new AbortController();
  const { signal } = controller;
  const run = runner.run({ code: "hang" }, {}, { signal });
  const safe = runner.createRunner("hang")({}, { abortSignal: signal });
  await runner.stats(); // In the order of the pipe: both runs have arrived when this has been answered.
  const reason = new Error("changed my mind");
  controller.abort(reason);
  await assert.rejects(run, reason);
  assert.deepEqual(await safe, {
    ok: false,
    error: { message: "The call was cancelled: changed my mind", type: "AbortError", code: "cancelled" },
  });
  assert.equal((await runner.stats()).inFlight, 0);
  assert.equal(await dataOf(runner, "pid"), pid, "the sidecar is still the same");
});

test("a run that is aborted while the sidecar starts does not wait for it", async (t) => {
  const runner = fakeRunner(t, ["mute", "ignore-shutdown"]);
  const controller = new AbortController();
  const run = runner.run({ code: "echo" }, {}, { signal: controller.signal });
  controller.abort();
  await assert.rejects(run, { name: "AbortError" });
});

test("a context that is no context, or whose signal is no signal, does not disturb a run", async (t) => {
  const run = fakeRunner(t).createRunner("echo");
  for (const ctx of [null, 7, [], { signal: "now" }, { signal: {} }]) {
    assert.deepEqual(await run(1, ctx as never), { ok: true, data: 1 });
  }
});

test("streamed output arrives in order and before the result", async (t) => {
  const seen: string[] = [];
  await fakeRunner(t).run(
    { code: "stream" },
    {},
    {
      onStdout: (text) => seen.push(`out ${text}`),
      onStderr: (text) => seen.push(`err ${text}`),
    },
  );
  assert.deepEqual(seen, ["out one\n", "err oops\n", "out two\n"]);
});

test("an output handler that throws is logged and does not break the run", async (t) => {
  const warnings: string[] = [];
  const logger = { debug: () => undefined, warn: (message: string) => warnings.push(message) };
  const runner = fakeRunner(t, [], { logger });
  const onStdout = (): void => {
    throw new Error("full");
  };
  assert.equal((await runner.run({ code: "stream" }, {}, { onStdout })).result.ok, true);
  assert.match(warnings[0] ?? "", /stdout handler threw: Error: full/);
});

test("each run emits one ToolExecutionEvent, also when it fails", async (t) => {
  const runner = fakeRunner(t);
  const bus = new EventEmitter();
  const isolation = { level: "none", layers: [] };
  const violations = [{ call: "socket", argument: "AF_INET", policy: "no", count: 2 }];
  const usage = { wallMs: 1, cpuMs: 1, maxRssMB: 8, queueMs: 0, peakMemoryMB: 1, spawnMs: 0, runMs: 1 };
  for (const [code, expected] of [
    ["echo", { ok: true, isolation, ...usage }],
    ["fail", { ok: false, code: "tool_error", isolation, ...usage }],
    ["refused", { ok: true, isolation, violations, ...usage }],
    ["queue-full", { ok: false, code: "queue_full" }],
  ] as const) {
    const event = once(bus, "ToolExecutionEvent");
    await runner.createRunner(code, bus)({});
    const { duration, ...rest } = (await event)[0];
    assert.ok(duration > 0);
    assert.deepEqual(rest, { type: "python", ...expected });
  }
});

test("an event bus that throws or rejects does not break the run", async (t) => {
  const runner = fakeRunner(t);
  const throws = {
    emit: () => {
      throw new Error("no");
    },
  };
  const rejects = { emit: () => Promise.reject(new Error("no")) };
  const broken = {} as { emit(): void };
  for (const bus of [throws, rejects, broken]) {
    assert.deepEqual(await runner.createRunner("echo", bus)(1), { ok: true, data: 1 });
  }
});

test("the sidecar gets an allow-list of variables, PYTHON_ and PYRUNNER_ settings, and what `env` adds", async (t) => {
  process.env.AWS_SECRET_ACCESS_KEY = "secret";
  process.env.PYTHONPATH = "/somewhere";
  process.env.PYRUNNER_LOG = "debug";
  t.after(() => {
    delete process.env.AWS_SECRET_ACCESS_KEY;
    delete process.env.PYTHONPATH;
    delete process.env.PYRUNNER_LOG;
  });
  const runner = fakeRunner(t, [], { env: { PYTHON_TIMEOUT_MS: "1234", EXTRA: "1", HOME: undefined } });
  const env = await dataOf<Record<string, string>>(runner, "env");
  assert.equal(env.PATH, process.env.PATH);
  assert.deepEqual([env.PYRUNNER_LOG, env.PYTHON_TIMEOUT_MS, env.EXTRA], ["debug", "1234", "1"]);
  for (const name of ["AWS_SECRET_ACCESS_KEY", "PYTHONPATH", "HOME"]) assert.ok(!(name in env), name);
  assert.equal(runner.config.timeout, 1234);
});

test("PYRUNNER_SIDECAR names the program to start", async (t) => {
  const runner = new PyRunner({ env: { PYRUNNER_SIDECAR: FAKE_SIDECAR } });
  t.after(() => runner.close());
  assert.equal(await dataOf(runner, "echo", "hi"), "hi");
});

test("close may be called twice, before any use, and makes later calls fail", async (t) => {
  const unused = fakeRunner(t);
  await Promise.all([unused.close(), unused.close()]);
  const used = fakeRunner(t);
  await dataOf(used, "echo");
  await used[Symbol.asyncDispose]();
  await assert.rejects(used.list(), { code: "closed" });
  assert.equal((await used.createRunner("echo")()).error?.code, "closed");
});
