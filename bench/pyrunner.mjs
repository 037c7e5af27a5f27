// The product as a host uses it: a tool engine with a runner, and the tool registered as in the host's document.

import { createRequire } from "node:module";
import { DEFINITION } from "./workload.mjs";

const { PyRunner, ToolEngine } = createRequire(import.meta.url)("../ts-client/dist/index.js");

export { PyRunner };

export const ISOLATES = { cpython: "yes", boundary: "kernel", fresh: "yes" };

/** A runner with one tool: `call(args)` gives the tool's result. The sidecar starts at the first call. */
export function openPyRunner(code, definition = DEFINITION) {
  const runner = new PyRunner();
  const engine = new ToolEngine();
  engine.pyRunner = runner;
  engine.register(definition, code);
  return {
    runner,
    call: (args) => engine.invoke(definition.id, args),
    close: () => runner.close(),
  };
}
