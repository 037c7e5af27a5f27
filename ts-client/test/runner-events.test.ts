import assert from "node:assert/strict";
import { once } from "node:events";
import test from "node:test";
import type { RunRecord } from "../src/run-record.js";
import { fakeRunner } from "./fake-sidecar.js";

test("each run is told once, as a frozen record without arguments or results", async (t) => {
  const runner = fakeRunner(t);
  const records: RunRecord[] = [];
  runner.on("run", (record) => records.push(record));
  await runner.register({ id: "e" }, "echo");
  await runner.run("e", { secret: "s3cret" });
  await runner.runSafe({ code: "fail" });
  await runner.runSafe({ code: "queue-full" });
  await runner.runSafe({ code: "hang" }, {}, { signal: AbortSignal.timeout(20) });
  await runner.runSafe({ code: 7 } as never);
  const usage = { wallMs: 1, cpuMs: 1, maxRssMB: 8, queueMs: 0, peakMemoryMB: 1, spawnMs: 0, runMs: 1 };
  const measured = { usage, isolation: { level: "none", layers: [] } };
  assert.deepEqual(
    records.map(({ startedAtMs, durationMs, ...rest }) => rest),
    [
      { toolId: "e", ok: true, ...measured },
      { ok: false, code: "tool_error", ...measured },
      { ok: false, code: "queue_full" },
      { ok: false, code: "cancelled" },
      { ok: false, code: "invalid_params" },
    ],
  );
  for (const record of records) {
    assert.ok(Object.isFrozen(record));
    assert.ok(record.durationMs >= 0 && record.startedAtMs <= Date.now());
  }
});

test("output is streamed to listeners, beside the handlers of the call, and only while somebody listens", async (t) => {
  const runner = fakeRunner(t);
  await runner.register({ id: "s" }, "stream");
  const seen: string[] = [];
  const listener = (stream: string) => (output: { toolId?: string; text: string }) =>
    seen.push(`${stream} ${output.toolId} ${output.text.trim()}`);
  const onOut = listener("out");
  runner.on("stdout", onOut);
  runner.on("stderr", listener("err"));
  await runner.run("s", {}, { onStdout: (text) => seen.push(`handler ${text.trim()}`) });
  assert.deepEqual(seen.splice(0), ["handler one", "out s one", "err s oops", "handler two", "out s two"]);
  runner.removeAllListeners();
  await runner.run("s");
  assert.deepEqual(seen, []);
});

test("a run has the id that the host gives it, in its record and in its output", async (t) => {
  const runner = fakeRunner(t);
  const ids: unknown[] = [];
  runner.on("run", ({ runId }) => ids.push(runId));
  const { result } = await runner.run({ code: "params" }, {}, { runId: "mine" });
  assert.deepEqual((result.data as { run: object }).run, { code: "params", args: {}, runId: "mine" });
  runner.on("stdout", ({ runId }) => ids.push(runId));
  await runner.run({ code: "stream" }, {}, { runId: "streamed" });
  assert.deepEqual(ids, ["mine", "streamed", "streamed", "streamed"]);
});

test("a listener that throws is logged and disturbs neither the run nor the other listeners", async (t) => {
  const warnings: string[] = [];
  const logger = { debug: () => undefined, warn: (message: string) => warnings.push(message) };
  const runner = fakeRunner(t, [], { logger });
  runner.once("run", () => {
    throw new Error("full");
  });
  const next = once(runner, "run");
  assert.equal((await runner.run({ code: "echo" }, 1)).result.data, 1);
  assert.equal((await next)[0].ok, true);
  assert.deepEqual(warnings, ['pyrunner: a listener of "run" threw: full']);
  await runner.run({ code: "echo" });
  assert.equal(warnings.length, 1, "`once` means once");
});

test("exit tells why the sidecar ended, and restart that there is another one", async (t) => {
  const runner = fakeRunner(t);
  const heard: unknown[] = [];
  runner.on("exit", ({ code, data }) => heard.push([code, data.signal]));
  runner.on("restart", () => heard.push("restart"));
  await runner.run({ code: "echo" });
  await assert.rejects(runner.run({ code: "die" }));
  await runner.run({ code: "echo" });
  await runner.close();
  assert.deepEqual(heard, [["sidecar_exited", "SIGKILL"], "restart", ["closed", undefined]]);
});
