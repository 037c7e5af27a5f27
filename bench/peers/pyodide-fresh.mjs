// Pyodide with nothing shared between calls: a new WebAssembly interpreter for each, in a thread that can be ended.

import { once } from "node:events";
import { Worker } from "node:worker_threads";

const WORKER = new URL("pyodide-worker.mjs", import.meta.url);

export const peer = {
  id: "pyodide-fresh",
  name: "Pyodide, started per call",
  isolates: { cpython: "wasm", boundary: "no", fresh: "yes" },
  callsPerRound: 1,
  open: async (code) => {
    await import("pyodide"); // Said here where it is missing.
    const call = async (args) => {
      const worker = new Worker(WORKER, { workerData: { code, args } });
      const [result] = await once(worker, "message");
      await worker.terminate();
      return result;
    };
    return { call, close: async () => undefined };
  },
};
