// Plain CPython of the same build, kept running: what a tool costs without a jail and without a process of its own.

import { fileURLToPath } from "node:url";
import { LineProcess } from "../line-process.mjs";

const PROGRAM = fileURLToPath(new URL("plain.py", import.meta.url));

/** `call(args)` gives the tool's result; `measure(args)` also `jsonMs`, what Python's own json took on its side. */
export function openPlain(code, { python }) {
  const interpreter = new LineProcess(python, ["-I", "-S", PROGRAM]);
  const measure = (args) => interpreter.ask({ code, args });
  return { measure, call: async (args) => (await measure(args)).result, close: () => interpreter.close() };
}
