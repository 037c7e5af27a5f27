import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import type { PyRunnerOptions } from "../src/options.js";
import type { PyRunner } from "../src/py-runner.js";
import { dataOf, fakeRunner } from "./fake-sidecar.js";

/** A runner that shares its sidecar with all others that `name` the same. */
function sharing(t: TestContext, name: string, options: PyRunnerOptions = {}): PyRunner {
  return fakeRunner(t, [name], { share: true, ...options });
}

const pidOf = (runner: PyRunner): Promise<number> => dataOf<number>(runner, "pid");

test("runners with the same command and environment share a sidecar, whatever their limits are", async (t) => {
  const runners = [{}, { timeout: 5_000, maxMemoryMB: 64 }, { pythonPath: "python3", env: {} }];
  const pids = await Promise.all(runners.map((options) => pidOf(sharing(t, "same", options))));
  assert.equal(new Set(pids).size, 1);
});

test("another command, another environment and `share: false` each get a sidecar of their own", async (t) => {
  const runners = [
    sharing(t, "one"),
    sharing(t, "two"),
    sharing(t, "one", { env: { PYTHON_TIMEOUT_MS: "5" } }),
    sharing(t, "one", { env: { HOME: undefined } }),
    sharing(t, "one", { share: false }),
    sharing(t, "one", { share: false }),
  ];
  const pids = await Promise.all(runners.map(pidOf));
  assert.equal(new Set(pids).size, runners.length);
  const env = await dataOf<object>(runners[3] ?? assert.fail(), "env");
  assert.ok(!("HOME" in env));
});

test("tools of two runners may have the same id, and neither sees the other's", async (t) => {
  const [first, second] = [sharing(t, "ids"), sharing(t, "ids")];
  await Promise.all([first.register({ id: "x" }, "echo"), second.register({ id: "x", name: "S" }, "pid")]);
  await first.register({ id: "mine" }, "echo");
  assert.equal((await first.run("x", 7)).result.data, 7);
  assert.equal((await second.run("x")).result.data, await pidOf(first));
  assert.deepEqual((await first.list()).map(({ id }) => id).sort(), ["mine", "x"]);
  assert.deepEqual(
    (await second.list()).map(({ id, name }) => [id, name]),
    [["x", "S"]],
  );
  await assert.rejects(second.run("mine"), { code: "tool_not_found" });
  await second.unregister("x");
  assert.equal((await first.run("x", 7)).result.data, 7);
});

test("closing one runner ends its calls and forgets its tools, and the other's go on", {
  timeout: 30_000,
}, async (t) => {
  const [first, second] = [sharing(t, "close"), sharing(t, "close")];
  const pid = await pidOf(first);
  await first.register({ id: "x" }, "echo");
  await second.register({ id: "x" }, "pid");
  const lost = assert.rejects(first.run({ code: "hang" }), { name: "CancelledError", code: "cancelled" });
  const controller = new AbortController();
  const kept = second.run({ code: "hang" }, {}, { signal: controller.signal });
  await second.stats();
  await first.close();
  await lost;
  await assert.rejects(first.run("x"), { name: "RunnerClosedError" });
  const { inFlight, tools } = await second.stats();
  assert.deepEqual([inFlight, tools], [1, 1]);
  assert.equal((await second.run("x")).result.data, pid);
  controller.abort();
  await assert.rejects(kept, { name: "AbortError" });
  await second.close();
  assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
});

test("a runner that comes after the last one was closed gets a new sidecar", async (t) => {
  const first = sharing(t, "again");
  const pid = await pidOf(first);
  const closing = first.close();
  const next = sharing(t, "again");
  assert.notEqual(await pidOf(next), pid);
  await closing;
});

test("after a crash each runner has its own tools again, and hears of it", async (t) => {
  const [first, second] = [sharing(t, "crash"), sharing(t, "crash")];
  await first.register({ id: "x" }, "echo");
  await second.register({ id: "x" }, "pid");
  const heard: string[] = [];
  for (const [name, runner] of Object.entries({ first, second })) {
    runner.on("exit", ({ code }) => heard.push(`${name} exit ${code}`));
    runner.on("restart", () => heard.push(`${name} restart`));
  }
  await assert.rejects(first.run({ code: "die" }), { name: "SidecarExitedError" });
  const { result } = await second.run("x");
  assert.equal(result.data, await pidOf(first));
  assert.equal((await first.run("x", 3)).result.data, 3);
  assert.deepEqual(heard.sort(), [
    "first exit sidecar_exited",
    "first restart",
    "second exit sidecar_exited",
    "second restart",
  ]);
});

test("a runner that is closed after a crash starts no sidecar to forget its tools", async (t) => {
  const [first, second] = [sharing(t, "no-start"), sharing(t, "no-start")];
  await first.register({ id: "x" }, "echo");
  await pidOf(second);
  await assert.rejects(first.run({ code: "die" }));
  const heard: string[] = [];
  second.on("restart", () => heard.push("restart"));
  await first.close();
  assert.deepEqual(heard, []);
  assert.equal((await second.stats()).tools, 0);
});

test("each runner's own logger is told what concerns the sidecar", async (t) => {
  const lines: string[][] = [[], []];
  const runners = lines.map((own) => {
    const log = (message: string): unknown => own.push(message);
    return sharing(t, "log", { logger: { debug: log, warn: log } });
  });
  for (const runner of runners) await pidOf(runner);
  await assert.rejects(runners[0]?.run({ code: "die" }) ?? assert.fail());
  for (const own of lines) assert.match(own.at(-1) ?? "", /ended by SIGKILL/);
});
