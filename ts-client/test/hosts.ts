/**
 * Hosts that we did not write, each a program of its own in `fixtures/host`, which uses the package as it is built and
 * never calls `close`. The same for every sidecar: a conformance suite.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import test from "node:test";
import { HOST_DIR, linkPackage, tool } from "./host-package.js";
import { gone } from "./processes.js";

/** Jest and ts-node take seconds to start on a busy machine. */
const HOST_WAIT_MS = 60_000;

const HOSTS: [name: string, args: string[], text: string][] = [
  ["CommonJS require", ["host.cjs"], "from CommonJS"],
  ["ESM import", ["host.mjs"], "from ESM"],
  ["ts-node", [tool("ts-node/dist/bin.js"), "host.ts"], "from TypeScript"],
  ["tsx", ["--import", tool("tsx/dist/loader.mjs"), "host.ts"], "from TypeScript"],
  ["a worker thread", ["host.worker.cjs"], "from a worker"],
  ["Jest", [tool("jest/bin/jest.js"), "--runInBand"], "from Jest"],
  ["Vitest", [tool("vitest/vitest.mjs"), "run", "host.vitest.test.mjs"], "from Vitest"],
  ["node:test", ["--test", "--test-reporter=tap", "host.node-test.mjs"], "from node:test"],
];

/** Declare the tests. `echoCode` is a tool that returns its arguments. */
export function testHosts({ env, echoCode }: { env: NodeJS.ProcessEnv; echoCode: string }): void {
  test.before(linkPackage);
  for (const [name, args, text] of HOSTS) {
    test(`${name}: the tool runs, the host ends by itself, and nothing of it stays behind`, async () => {
      const { code, stdout, stderr } = await runHost(args, { ...env, HOST_TOOL_CODE: echoCode });
      assert.equal(code, 0, stderr);
      // A test runner may put its own mark in front of what a test prints.
      const [, report] = /^(?:# )?(\{.*\})$/m.exec(stdout) ?? [];
      const { result, children } = JSON.parse(report ?? assert.fail(stdout + stderr));
      assert.deepEqual(result, { ok: true, data: { text } });
      assert.ok(children.length > 0);
      for (const pid of children) await gone(pid);
      assert.doesNotMatch(stderr, /did not exit|open handle|Warning|UnhandledPromise/i);
    });
  }
}

interface Ended {
  code: number | string | null | undefined;
  stdout: string;
  stderr: string;
}

function runHost(args: string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  const fullEnv = {
    ...process.env,
    TS_NODE_COMPILER: tool("typescript5"),
    NODE_TEST_CONTEXT: undefined,
    ...env,
  };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      args,
      { cwd: HOST_DIR, env: fullEnv, timeout: HOST_WAIT_MS },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : (error.code ?? error.signal);
        resolve({ code, stdout, stderr });
      },
    );
  });
}
