/** A runner on top of `fixtures/fake-sidecar.cjs`, closed when its test ends. */
import path from "node:path";
import type { TestContext } from "node:test";
import type { PyRunnerOptions } from "../src/options.js";
import { PyRunner } from "../src/py-runner.js";

export const FAKE_SIDECAR = path.join(__dirname, "fixtures", "fake-sidecar.cjs");

/** @param flags how the fake behaves at start and at stop; a tool's code says how it behaves in a run. */
export function fakeRunner(t: TestContext, flags: string[] = [], options: PyRunnerOptions = {}): PyRunner {
  const runner = new PyRunner({
    sidecar: [process.execPath, FAKE_SIDECAR, ...flags],
    share: false,
    ...options,
  });
  t.after(() => runner.close());
  return runner;
}

/** The `data` of one successful run. */
export async function dataOf<T>(runner: PyRunner, code: string, args?: unknown): Promise<T> {
  const { result } = await runner.run({ code }, args);
  return result.data as T;
}
