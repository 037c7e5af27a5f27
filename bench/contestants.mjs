// Who is measured beside the product. Each peer is a file in `peers/`: `{id, name, isolates, callsPerRound, open}`, where
// `open(code, machine)` gives `{call(args), close()}`, or throws where it cannot run here, saying why.

import { peer as barePython } from "./peers/bare-python.mjs";
import { peer as bubblewrap } from "./peers/bubblewrap.mjs";
import { peer as docker } from "./peers/docker.mjs";
import { peer as monty } from "./peers/monty.mjs";
import { peer as montyPool } from "./peers/monty-pool.mjs";
import { peer as newPython } from "./peers/new-python.mjs";
import { peer as pyodideFresh } from "./peers/pyodide-fresh.mjs";
import { peer as pyodideKept } from "./peers/pyodide-kept.mjs";
import { peer as pyodideWarm } from "./peers/pyodide-warm.mjs";
import { peer as pythonShell } from "./peers/python-shell.mjs";

/** Needs nothing but the interpreter that the tools run on. */
export const WITHOUT_INSTALL = [newPython];

export const ALL = [
  newPython,
  barePython,
  pythonShell,
  bubblewrap,
  docker,
  montyPool,
  monty,
  pyodideKept,
  pyodideWarm,
  pyodideFresh,
];

/** Open each peer; `{opened: [{peer, call, close}], absent: [{peer, why}]}`. */
export async function openPeers(peers, code, machine) {
  const opened = [];
  const absent = [];
  for (const peer of peers) {
    try {
      opened.push({ peer, ...(await peer.open(code, machine)) });
    } catch (error) {
      absent.push({ peer, why: `not here: ${error.message.split("\n")[0]}` });
    }
  }
  return { opened, absent };
}
