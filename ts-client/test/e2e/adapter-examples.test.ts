/** The examples of the adapters run as they are, each with a scripted model that is refused once and corrects itself. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import path from "node:path";
import test from "node:test";
import { promisify } from "node:util";
import { PACKAGE_DIR } from "../host-package.js";

const RUN_WAIT_MS = 60_000;

for (const name of ["ai-sdk", "openai-agents", "langchain", "mastra", "mcp-client"]) {
  test(`${name}: the model is told what was wrong with its arguments, and calls the tool again`, async () => {
    const file = path.join("examples", "adapters", `${name}.mts`);
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ["--import", "tsx", file], {
      cwd: PACKAGE_DIR,
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
      timeout: RUN_WAIT_MS,
    });
    assert.match(stdout, /The tool refused: .*must have required property 'text'/s);
    assert.match(stdout, /The tool says: \{"counts":\[\["to",2\],\["be",2\]\]\}\n$/);
    assert.equal(stderr, "");
  });
}
