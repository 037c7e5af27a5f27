/** The client and the real sidecar: streaming, cancelling, dying, ending. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import test, { type TestContext } from "node:test";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { PyRunner } from "../../src/index.js";
import { openTelemetry } from "../../src/otel.js";
import { HOST_DIR, linkPackage } from "../host-package.js";
import { descendantsOf, gone, sidecarPid } from "../processes.js";

const LOOP = "def run(args):\n    print('looping', flush=True)\n    while True: pass";

function newRunner(t: TestContext): PyRunner {
  const runner = new PyRunner();
  t.after(() => runner.close());
  return runner;
}

/** Runs whose tools have all begun to loop. */
async function looping(runner: PyRunner, count: number, signal?: AbortSignal): Promise<Promise<unknown>[]> {
  const runs: Promise<unknown>[] = [];
  const begun = Array.from({ length: count }, () => {
    return new Promise<void>((resolve) => {
      const run = runner.run({ code: LOOP }, {}, { signal, onStdout: () => resolve() });
      run.catch(() => undefined);
      runs.push(run);
    });
  });
  await Promise.all(begun);
  return runs;
}

test("output streams while the tool runs, and is in the reply as well", async (t) => {
  const runner = newRunner(t);
  const code =
    "import sys\ndef run(args):\n    print('one', flush=True)\n    print('oops', file=sys.stderr, flush=True)\n    print('Привіт')";
  let streamedOut = "";
  let streamedErr = "";
  const { stdout, stderr } = await runner.run(
    { code },
    {},
    {
      onStdout: (text) => {
        streamedOut += text;
      },
      onStderr: (text) => {
        streamedErr += text;
      },
    },
  );
  assert.deepEqual([stdout, stderr], ["one\nПривіт\n", "oops\n"]);
  assert.deepEqual([streamedOut, streamedErr], [stdout, stderr]);
});

test("every JSON value goes to the tool and back", async (t) => {
  const echo = newRunner(t).createRunner("def run(args): return args");
  const values = [
    { class: 1, "a-b": { jsonrpc: "2.0" }, "": [] },
    { deep: [[[[{}]]]] },
    { t: "Київ 🐍\u0000\u2028" },
    { n: [-0.5, 1e300] },
  ];
  for (const data of values) assert.deepEqual(await echo(data), { ok: true, data });
});

test("an abort ends the tool's process before the call rejects, and the sidecar goes on", async (t) => {
  const runner = newRunner(t);
  await runner.run({ code: "def run(args): pass" });
  const controller = new AbortController();
  const [run] = await looping(runner, 1, controller.signal);
  const reason = new Error("changed my mind");
  controller.abort(reason);
  await assert.rejects(run ?? assert.fail(), reason);
  assert.equal((await runner.stats()).gauges.running, 0);
  assert.equal((await runner.createRunner("def run(args): return 1")()).ok, true);
});

test("when the sidecar is killed, calls in flight fail, nothing is left, and the next call has its tools again", async (t) => {
  const runner = newRunner(t);
  await runner.register({ id: "double" }, "def run(args): return args['n'] * 2");
  const runs = await looping(runner, 2);
  const pid = sidecarPid();
  const below = descendantsOf(pid);
  assert.ok(below.length >= 2);
  process.kill(pid, "SIGKILL");
  for (const run of runs) {
    await assert.rejects(run, {
      code: "sidecar_exited",
      message: /was ended by SIGKILL/,
      isRetryable: true,
    });
  }
  await Promise.all(below.map(gone));
  assert.deepEqual((await runner.run("double", { n: 21 })).result, { ok: true, data: 42 });
  assert.deepEqual(
    (await runner.list()).map(({ id }) => id),
    ["double"],
  );
});

test("when the host is killed, the sidecar and all that it started are gone", async () => {
  linkPackage();
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined, HOST_TOOL_CODE: LOOP };
  const host = spawn(process.execPath, ["host.looping.cjs"], {
    cwd: HOST_DIR,
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(host.stdout, "data");
  const below = descendantsOf(host.pid ?? assert.fail());
  assert.ok(below.length >= 3, "a sidecar, a zygote, a worker");
  host.kill("SIGKILL");
  await once(host, "exit");
  await Promise.all(below.map(gone));
});

test("Ctrl-C in a terminal is the host's to hear: a call in flight comes to its end", async () => {
  linkPackage();
  const code = "import time\ndef run(args):\n    print(flush=True)\n    time.sleep(1)\n    return 'done'";
  const program = `
    const { PyRunner } = require("pyrunner");
    process.on("SIGINT", () => console.log("heard"));
    const options = { onStdout: () => console.log("begun") };
    new PyRunner().runSafe({ code: process.env.HOST_TOOL_CODE }, {}, options).then(({ data }) => console.log(data));`;
  const host = spawn(process.execPath, ["-e", program], {
    cwd: HOST_DIR,
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, HOST_TOOL_CODE: code },
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  let said = "";
  host.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    if (said === "begun\n") process.kill(-(host.pid ?? assert.fail()), "SIGINT"); // As a terminal does.
  });
  await once(host, "close");
  assert.equal(said, "begun\nheard\ndone\n");
});

test("close cancels the calls in flight, and ends the sidecar and all that it started", async (t) => {
  const runner = newRunner(t);
  const runs = await looping(runner, 2);
  const pid = sidecarPid();
  const all = [pid, ...descendantsOf(pid)];
  await runner.close();
  await Promise.all(all.map(gone));
  for (const run of runs) await assert.rejects(run, { code: "cancelled" });
});

test("a message beyond the limit that the sidecar was given fails at once and alone, and the next call works", async (t) => {
  const runner = new PyRunner({ env: { PYRUNNER_MAX_MESSAGE_BYTES: "100000" } });
  t.after(() => runner.close());
  const code = "def run(args): return len(args)";
  await assert.rejects(runner.run({ code }, "x".repeat(200_000)), {
    code: "invalid_params",
    message: /bytes as JSON; at most 100000 can be sent/,
  });
  assert.deepEqual(await runner.runSafe({ code }, "x".repeat(90_000)), { ok: true, data: 90_000 });
});

test("two hundred calls at once get their own results", async (t) => {
  const square = newRunner(t).createRunner("def run(args): return args['n'] ** 2");
  const results = await Promise.all(Array.from({ length: 200 }, (_, n) => square({ n })));
  assert.deepEqual(
    results,
    Array.from({ length: 200 }, (_, n) => ({ ok: true, data: n * n })),
  );
});

test("what the jail refuses is in the reply and in the event, also where the tool swallows it", async (t) => {
  const code =
    "def run(args):\n    try:\n        open('/etc/passwd')\n    except OSError:\n        return 'fine'";
  const runner = newRunner(t);
  const { result, violations } = await runner.run({ code });
  assert.equal(result.data, "fine");
  assert.deepEqual(
    violations?.map(({ call, argument, line, count }) => [call, argument, line, count]),
    [["open", "/etc/passwd", 3, 1]],
  );
  const bus = new EventEmitter();
  const event = once(bus, "ToolExecutionEvent");
  await runner.createRunner(code, bus)({});
  assert.deepEqual((await event)[0].violations, violations);
  assert.deepEqual((await runner.run({ code: "def run(args): return 1" })).violations, []);
});

test("a run's trace is taken by the sidecar, and its phases are the sidecar's own", async (t) => {
  const exporter = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const runner = new PyRunner({ telemetry: openTelemetry({ tracerProvider }) });
  t.after(() => runner.close());
  await runner.register({ id: "nap" }, "import time\ndef run(args): time.sleep(0.05)");
  const { usage } = await runner.run("nap");
  const spans = exporter.getFinishedSpans();
  assert.deepEqual(spans.map(({ name }) => name).sort(), ["execute_tool nap", "queue", "run", "spawn"]);
  const [seconds = 0, nanos = 0] = spans.find(({ name }) => name === "run")?.duration ?? [];
  assert.ok(usage.runMs >= 50 && Math.abs(seconds * 1e3 + nanos / 1e6 - usage.runMs) < 1);
});

test("doctor, stats, validate, register and unregister answer in their documented shapes", async (t) => {
  const runner = newRunner(t);
  const { ok, isolation, checks } = await runner.doctor();
  assert.equal(ok, true, JSON.stringify(checks));
  assert.equal(isolation.level, "strict");
  assert.deepEqual(await runner.validate("def run(args): return 1"), { valid: true, diagnostics: [] });
  const { valid, diagnostics } = await runner.validate("def run(:");
  assert.deepEqual([valid, diagnostics[0]?.line], [false, 1]);
  const { codeHash } = await runner.register(
    { id: "a", name: "A", schema: { type: "object" } },
    "def run(args): return 1",
  );
  assert.deepEqual(await runner.list(), [
    { id: "a", name: "A", description: null, schema: { type: "object" }, codeHash },
  ]);
  await assert.rejects(runner.register({ id: "b" }, "def run(:"), { code: "invalid_tool", rpcCode: -32012 });
  await assert.rejects(runner.register({ id: "a" }, "def run(args): return 2"), {
    code: "tool_exists",
    rpcCode: -32011,
  });
  await runner.unregister("a");
  await assert.rejects(runner.run("a"), { code: "tool_not_found", rpcCode: -32010 });
  assert.equal((await runner.stats()).tools, 0);
});
