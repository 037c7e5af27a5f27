import assert from "node:assert/strict";
import test from "node:test";
import { PyRunnerError } from "../src/errors.js";
import { Restarts } from "../src/restarts.js";
import { dataOf, fakeRunner } from "./fake-sidecar.js";

const death = new PyRunnerError("sidecar_exited", "It died.\nIts last words on stderr:\nout of luck", {
  data: { exitCode: 3, stderrTail: "out of luck" },
});

test("the first death costs no delay, and each that soon follows doubles it", () => {
  const restarts = new Restarts(() => 1_000);
  const delays = [1, 2, 3, 4].map(() => {
    restarts.died(death);
    return restarts.delayMs();
  });
  assert.deepEqual(delays, [0, 100, 200, 400]);
});

test("time that has passed since the death counts", () => {
  let now = 0;
  const restarts = new Restarts(() => now);
  restarts.died(death);
  restarts.died(death);
  now = 60;
  assert.equal(restarts.delayMs(), 40);
  now = 1_000;
  assert.equal(restarts.delayMs(), 0);
});

test("after five deaths within a minute it is given up for now, with the last one's words", () => {
  let now = 0;
  const restarts = new Restarts(() => now);
  for (now of [0, 10_000, 20_000, 30_000, 40_000]) restarts.died(death);
  assert.throws(() => restarts.delayMs(), {
    code: "sidecar_exited",
    isRetryable: true,
    message: /has died 5 times within 60 s and is not started again for 20 s\.[\s\S]*out of luck$/,
    data: { exitCode: 3, stderrTail: "out of luck", deaths: 5, retryAfterMs: 20_000, mayHaveRun: false },
  });
  now = 60_000;
  assert.equal(restarts.delayMs(), 0);
});

test("deaths that are far apart are no crash loop", () => {
  let now = 0;
  const restarts = new Restarts(() => now);
  for (; now < 1_000_000; now += 61_000) {
    restarts.died(death);
    assert.equal(restarts.delayMs(), 0);
  }
});

test("a sidecar that keeps dying at its start is given up, and every later call is told so at once", async (t) => {
  const runner = fakeRunner(t, ["exit-at-start"]);
  for (let death = 1; death <= 5; death++) {
    await assert.rejects(runner.run({ code: "echo" }), {
      code: "sidecar_exited",
      message: /^Failed to spawn Python process/,
    });
  }
  for (const call of [() => runner.run({ code: "echo" }), () => runner.list()]) {
    await assert.rejects(call(), (error: PyRunnerError) => {
      assert.match(error.message, /has died 5 times[\s\S]*No module named sidecar$/);
      assert.equal(error.data.mayHaveRun, false);
      assert.equal(error.data.stderrTail, "No module named sidecar");
      return true;
    });
  }
});

test("calls that wait for a restart share it, and tools are registered before they run", async (t) => {
  const runner = fakeRunner(t);
  await runner.register({ id: "tool" }, "pid");
  await assert.rejects(runner.run({ code: "die" }));
  await assert.rejects(runner.run({ code: "die" }));
  const replies = await Promise.all([1, 2, 3].map(() => runner.run("tool")));
  assert.equal(new Set(replies.map(({ result }) => result.data)).size, 1);
});

test("closing while a restart is waited for ends the wait, and starts nothing", async (t) => {
  const runner = fakeRunner(t);
  for (const _ of [1, 2, 3]) await assert.rejects(runner.run({ code: "die" }));
  const waiting = assert.rejects(dataOf(runner, "pid"), { code: "closed" });
  await runner.close();
  await waiting;
});

test("a zygote's death, told by the sidecar, says whether the tool may have run and that it may be run again", async (t) => {
  await assert.rejects(fakeRunner(t).run({ code: "zygote-died" }), {
    code: "internal_error",
    isRetryable: true,
    data: { retryable: true, mayHaveRun: true },
  });
});
