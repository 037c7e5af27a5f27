// Monty's pool of worker processes. Its npm package has none, so this goes through its Python client, kept running in a
// process of its own: a hop over a pipe comes on top.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { LineProcess } from "../line-process.mjs";

const PYTHON = fileURLToPath(new URL("../.venv/bin/python", import.meta.url));
const PROGRAM = fileURLToPath(new URL("monty_pool.py", import.meta.url));

export const peer = {
  id: "monty-pool",
  name: "Monty, its pool of worker processes",
  isolates: { cpython: "subset", boundary: "own", fresh: "yes" },
  callsPerRound: 200,
  open: async (code) => {
    if (!existsSync(PYTHON)) throw new Error("pydantic-monty is not installed (make bench does it)");
    const pool = new LineProcess(PYTHON, [PROGRAM]);
    return { call: (args) => pool.ask({ code, args }), close: () => pool.close() };
  },
};
