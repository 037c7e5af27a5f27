// The design of the host's document, as a host would write it: a new `python3` for each call, with a memory limit and a
// timeout, JSON on its pipes.

import { spawn } from "node:child_process";

const PROGRAM = `import json, resource, sys
call = json.load(sys.stdin)
limit = call["maxMemoryMB"] * 1024 * 1024
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
scope = {"__name__": "tool"}
try:
    exec(call["code"], scope)
    result = scope["run"](call["args"])
    if not isinstance(result, dict) or "ok" not in result:
        result = {"ok": True, "data": result}
except Exception as error:
    result = {"ok": False, "error": {"message": str(error), "type": type(error).__name__}}
json.dump(result, sys.stdout)`;
const TIMEOUT_MS = 30_000;
const MAX_MEMORY_MB = 256;

export const peer = {
  id: "new-python",
  name: "document's design: a new python3 per call",
  isolates: { cpython: "yes", boundary: "no", fresh: "yes" },
  callsPerRound: 10,
  open: async (code, { emptyPython }) => ({
    call: (args) => call(emptyPython, { code, args, maxMemoryMB: MAX_MEMORY_MB }),
    close: async () => undefined,
  }),
};

function call(python, request) {
  return new Promise((resolve) => {
    const child = spawn(python, ["-c", PROGRAM], { stdio: ["pipe", "pipe", "inherit"], timeout: TIMEOUT_MS });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
    child.on("error", (error) => resolve({ ok: false, error: { message: error.message } }));
    child.on("close", (status, signal) => {
      if (status === 0) resolve(JSON.parse(output));
      else resolve({ ok: false, error: { message: `python3 ended with ${signal ?? status}` } });
    });
    child.stdin.on("error", () => undefined);
    child.stdin.end(JSON.stringify(request));
  });
}
