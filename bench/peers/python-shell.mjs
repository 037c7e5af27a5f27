// python-shell (npm), the usual bridge from Node: a new interpreter for each call, JSON lines on its pipes.

import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("python_shell_script.py", import.meta.url));

export const peer = {
  id: "python-shell",
  name: "python-shell",
  isolates: { cpython: "yes", boundary: "no", fresh: "yes" },
  callsPerRound: 10,
  open: async (code, { emptyPython }) => {
    const { PythonShell } = await import("python-shell");
    const call = (args) =>
      new Promise((resolve, reject) => {
        const shell = new PythonShell(SCRIPT, { mode: "json", pythonPath: emptyPython });
        let result;
        shell.on("message", (message) => {
          result = message;
        });
        shell.send({ code, args });
        shell.end((error) => (error ? reject(error) : resolve(result)));
      });
    return { call, close: async () => undefined };
  },
};
