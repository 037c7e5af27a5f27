// Forks per second: of one process, and of as many at once as there are cores.

import { fileURLToPath } from "node:url";
import { LineProcess } from "../line-process.mjs";

const PROGRAM = fileURLToPath(new URL("fork.py", import.meta.url));

/** `measure(durationMs)` gives `{timesMs, perSecond}` of one process; `measureAll`, the rate with every core busy. */
export function openForks({ python, cores }) {
  const processes = Array.from({ length: cores }, () => new LineProcess(python, ["-I", "-S", PROGRAM]));
  return {
    measure: (durationMs) => processes[0].ask(durationMs / 1000),
    measureAll: async (durationMs) => {
      const answers = await Promise.all(processes.map((one) => one.ask(durationMs / 1000)));
      return answers.reduce((sum, { perSecond }) => sum + perSecond, 0);
    },
    close: () => Promise.all(processes.map((one) => one.close())),
  };
}
