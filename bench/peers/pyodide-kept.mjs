// Pyodide with even the tool's function kept between calls: a function call within the host's process, no more.

import { callFunction, openPyodide } from "./pyodide-warm.mjs";

export const peer = {
  id: "pyodide-kept",
  name: "Pyodide, shared, the function kept too",
  isolates: { cpython: "wasm", boundary: "no", fresh: "no" },
  callsPerRound: 200,
  open: async (code) => {
    const { python, close } = await openPyodide("def run(args): return None");
    const scope = python.toPy({});
    python.runPython(code, { globals: scope });
    const run = scope.get("run");
    return { call: async (args) => callFunction(python, run, args), close };
  },
};
