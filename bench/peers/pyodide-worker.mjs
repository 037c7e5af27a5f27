// Loads Pyodide in a thread of its own, runs one call, answers, and is ended by whoever started it.

import { parentPort, workerData } from "node:worker_threads";
import { openPyodide } from "./pyodide-warm.mjs";

const { call } = await openPyodide(workerData.code);
parentPort.postMessage(await call(workerData.args));
