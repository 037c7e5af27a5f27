// Pyodide kept running in the host's own thread and shared by all calls. The tool's module is run anew for each call, as
// the contract of a tool asks; everything else (modules, builtins, the JavaScript realm) a call can change for the next.

export const peer = {
  id: "pyodide-warm",
  name: "Pyodide, shared, the module run per call",
  isolates: { cpython: "wasm", boundary: "no", fresh: "no" },
  callsPerRound: 200,
  open: (code) => openPyodide(code),
};

/** Start an interpreter; `call` runs the module and its `run`. */
export async function openPyodide(code) {
  const { loadPyodide } = await import("pyodide");
  const python = await loadPyodide();
  const call = async (args) => {
    const scope = python.toPy({});
    python.runPython(code, { globals: scope });
    const run = scope.get("run");
    const result = callFunction(python, run, args);
    run.destroy();
    scope.destroy();
    return result;
  };
  return { python, call, close: async () => undefined };
}

/** Call a Python function with plain data, and let go of every proxy. */
export function callFunction(python, run, args) {
  const given = python.toPy(args);
  const returned = run(given);
  const result = returned.toJs({ dict_converter: Object.fromEntries });
  returned.destroy();
  given.destroy();
  return result;
}
