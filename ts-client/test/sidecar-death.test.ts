import assert from "node:assert/strict";
import test from "node:test";
import type { PyRunner } from "../src/py-runner.js";
import { dataOf, fakeRunner } from "./fake-sidecar.js";

/** Whatever happened to the sidecar: the next call works, in a new one. */
async function assertRecovered(runner: PyRunner, oldPid: number): Promise<void> {
  assert.notEqual(await dataOf(runner, "pid"), oldPid);
}

const deaths: [code: string, expected: { code: string; message: RegExp }][] = [
  [
    "die",
    { code: "sidecar_exited", message: /^The sidecar was ended by SIGKILL; the calls in flight are lost/ },
  ],
  [
    "exit-3",
    { code: "sidecar_exited", message: /exited with code 3[\s\S]*on stderr:\nTraceback: out of luck$/ },
  ],
  ["close-stdout", { code: "sidecar_exited", message: /closed its output/ }],
  [
    "stray",
    { code: "sidecar_protocol", message: /something else than a frame to stdout: "hello from a print/ },
  ],
  ["not-json", { code: "sidecar_protocol", message: /not JSON/ }],
  ["no-result", { code: "sidecar_protocol", message: /neither a result nor an error/ }],
  ["reply-to-nothing", { code: "sidecar_protocol", message: /belongs to no call/ }],
  ["huge", { code: "sidecar_protocol", message: /1000000000000 bytes/ }],
];
for (const [code, expected] of deaths) {
  test(`a sidecar that does "${code}" fails all calls in flight with a clear error, and the next call works`, async (t) => {
    const runner = fakeRunner(t);
    const pid = await dataOf<number>(runner, "pid");
    const hanging = [1, 2, 3].map(() => runner.run({ code: "hang" }));
    const results = await Promise.allSettled([...hanging, runner.run({ code })]);
    for (const result of results) {
      assert.equal(result.status, "rejected");
      assert.equal(result.reason.code, expected.code);
      assert.match(result.reason.message, expected.message);
      assert.equal(result.reason.data.mayHaveRun, true);
      assert.equal(result.reason.isRetryable, expected.code === "sidecar_exited");
    }
    await assertRecovered(runner, pid);
  });
}

test("a sidecar that sends an error without an id is warned about, and goes on with the calls in flight", async (t) => {
  const warnings: string[] = [];
  const logger = { debug: () => undefined, warn: (message: string) => warnings.push(message) };
  const runner = fakeRunner(t, [], { logger });
  const pid = await dataOf<number>(runner, "pid");
  const controller = new AbortController();
  const hanging = runner.run({ code: "hang" }, {}, { signal: controller.signal });
  const refused = assert.rejects(runner.run({ code: "error-without-id" }), { code: "closed" });
  assert.equal(await dataOf(runner, "pid"), pid);
  assert.deepEqual(warnings, ["pyrunner: the sidecar refused a message without saying which: what?"]);
  controller.abort();
  await assert.rejects(hanging, { name: "AbortError" });
  assert.equal(await dataOf(runner, "pid"), pid);
  await runner.close();
  await refused;
});

test("the error tells exit code, signal and the end of stderr", async (t) => {
  const runner = fakeRunner(t, ["flood-stderr"]);
  await assert.rejects(runner.run({ code: "exit-3" }), (error: { data: Record<string, unknown> }) => {
    const { exitCode, signal, stderrTail } = error.data;
    assert.deepEqual({ exitCode, signal }, { exitCode: 3, signal: null });
    assert.match(String(stderrTail), /x\nthe very last line\nTraceback: out of luck$/);
    assert.ok(String(stderrTail).length <= 4096);
    return true;
  });
});

test("a reply that was written before the sidecar ended is delivered", async (t) => {
  assert.equal(await dataOf(fakeRunner(t), "reply-then-exit"), "just in time");
});

test("a cancelled call that the sidecar ignores ends the sidecar, within a bounded time", {
  timeout: 30_000,
}, async (t) => {
  const runner = fakeRunner(t);
  const pid = await dataOf<number>(runner, "pid");
  const controller = new AbortController();
  const run = runner.run({ code: "deaf" }, {}, { signal: controller.signal });
  await runner.stats();
  controller.abort();
  await assert.rejects(run, { name: "AbortError" });
  await assertRecovered(runner, pid);
});

test("registered tools are there again after a restart", async (t) => {
  const runner = fakeRunner(t);
  await runner.register({ id: "a", name: "A", timeout: 5 }, "params");
  await runner.register({ id: "b" }, "echo");
  await runner.register({ id: "gone" }, "echo");
  await runner.unregister("gone");
  const before = await runner.list();
  await assert.rejects(runner.run({ code: "die" }));
  assert.deepEqual(await runner.list(), before);
  assert.equal((await runner.run("b", "hi")).result.data, "hi");
});

test("a sidecar that ends at its start is a clear error with its last words", async (t) => {
  await assert.rejects(fakeRunner(t, ["exit-at-start"]).list(), {
    code: "sidecar_exited",
    message:
      /^Failed to spawn Python process: .*fake-sidecar.cjs exit-at-start .* exited with code 1[\s\S]*No module named sidecar$/,
  });
});

test("a sidecar that speaks another version of the protocol is refused", async (t) => {
  await assert.rejects(fakeRunner(t, ["version-2"]).list(), {
    code: "sidecar_protocol",
    message: /version 2/,
  });
});

test("close ends a sidecar that ignores everything but SIGKILL, and fails its calls", {
  timeout: 30_000,
}, async (t) => {
  const runner = fakeRunner(t, ["ignore-shutdown", "ignore-eof", "ignore-sigterm"]);
  const pid = await dataOf<number>(runner, "pid");
  const hanging = assert.rejects(runner.run({ code: "deaf" }), { code: "closed" });
  await runner.stats();
  await runner.close();
  assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
  await hanging;
});

test("close ends a sidecar in order, and leaves no process", async (t) => {
  const runner = fakeRunner(t);
  const pid = await dataOf<number>(runner, "pid");
  await runner.close();
  assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
});
