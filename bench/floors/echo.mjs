// The floor of a call through our own JSON-RPC: `echo.py` behind the same Connection that the product uses.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const { Connection } = createRequire(import.meta.url)("../../ts-client/dist/connection.js");

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const DEADLINE_MS = 60_000;

/** `call(args)` gives the same arguments back. */
export function openEcho() {
  const child = spawn(`${ROOT}/.venv/bin/python`, [`${ROOT}/bench/floors/echo.py`], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const connection = new Connection({ readable: child.stdout, writable: child.stdin });
  return {
    call: (args) => connection.request("echo", { id: "echo", args }, { deadlineMs: DEADLINE_MS }),
    close: async () => {
      child.stdin.end();
      await once(child, "close");
    },
  };
}
