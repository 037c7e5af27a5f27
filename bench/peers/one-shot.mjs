// What the peers with a new process for each call share: a program that takes one call on stdin and answers on stdout.

import { spawn } from "node:child_process";

export const PROGRAM = `import json, sys
call = json.load(sys.stdin)
scope = {}
exec(call["code"], scope)
json.dump(scope["run"](call["args"]), sys.stdout)`;

/** A peer's `open` for a command that runs PROGRAM or the like: one process for each call. */
export function oneShot([command, ...options]) {
  return (code) => ({
    call: (args) => callOnce(command, options, JSON.stringify({ code, args })),
    close: async () => undefined,
  });
}

function callOnce(command, options, input) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, options, { stdio: ["pipe", "pipe", "pipe"] });
    let output = "";
    let errors = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      errors += text;
    });
    child.on("error", reject);
    child.on("close", (status) => {
      if (status === 0) resolve(JSON.parse(output));
      else reject(new Error(`${command} ended with ${status}: ${errors.trim().slice(-500)}`));
    });
    child.stdin.on("error", () => undefined); // The status says why.
    child.stdin.end(input);
  });
}
