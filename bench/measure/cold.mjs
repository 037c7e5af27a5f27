// From `new PyRunner()` to the first result, beside an interpreter that does nothing, our own stack with nothing behind it
// and Pyodide's own start.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { openPeers } from "../contestants.mjs";
import { openEcho } from "../floors/echo.mjs";
import { peer as pyodideFresh } from "../peers/pyodide-fresh.mjs";
import { openPyRunner } from "../pyrunner.mjs";
import { absentRow, ratioRow } from "../rows.mjs";
import { median, ratioOver, takeTurns, timeOf, timesOf } from "../statistics.mjs";
import { ARGS, checkText, TEXT_PROCESSOR } from "../workload.mjs";

const BARE_STARTS = 5;

export async function measureCold({ machine, isShort }) {
  const { opened, absent } = await openPeers(isShort ? [] : [pyodideFresh], TEXT_PROCESSOR, machine);
  const contestants = {
    product: () => firstCall(() => openPyRunner(TEXT_PROCESSOR), checkText),
    echo: () => firstCall(openEcho),
    bare: async () => median(await timesOf(() => bareStart(machine.emptyPython), { count: BARE_STARTS })),
  };
  for (const { call } of opened) contestants.pyodide = () => timeOf(() => call(ARGS), checkText);
  const rounds = await takeTurns(5, contestants);
  for (const { close } of opened) await close();

  const coldMs = median(rounds.map(({ product }) => product));
  const echoMs = median(rounds.map(({ echo }) => echo));
  const rows = [
    ratioRow({
      id: "cold",
      what: "cold: new PyRunner() to its first result",
      figure: `${coldMs.toFixed(0)} ms, python3 -I -c pass ${median(rounds.map(({ bare }) => bare)).toFixed(0)} ms`,
      ratio: ratioOver(rounds, ({ product, bare }) => product / bare),
      ratioOf: "it / python3 -I -c pass",
      target: { atMost: 5 },
      data: { coldMs },
    }),
    ratioRow({
      id: "cold-echo",
      what: "floor: echo, from its start to its first reply",
      figure: `${echoMs.toFixed(0)} ms`,
      ratio: ratioOver(rounds, ({ echo, bare }) => echo / bare),
      ratioOf: "it / python3 -I -c pass",
      data: { echoMs },
    }),
  ];
  if (opened.length > 0) {
    rows.push(
      ratioRow({
        id: "cold-pyodide",
        what: "the same against Pyodide's fresh start",
        figure: `${coldMs.toFixed(0)} ms against ${median(rounds.map(({ pyodide }) => pyodide)).toFixed(0)} ms`,
        ratio: ratioOver(rounds, ({ product, pyodide }) => pyodide / product),
        ratioOf: "Pyodide / it",
        target: { atLeast: 4 },
      }),
    );
  }
  const what = "the same against Pyodide's fresh start";
  return [...rows, ...absent.map(({ why }) => absentRow({ id: "cold-pyodide", what, why }))];
}

async function firstCall(open, check) {
  let opened;
  const start = () => {
    opened = open();
    return opened.call(ARGS);
  };
  try {
    return await timeOf(start, check);
  } finally {
    await opened.close();
  }
}

async function bareStart(python) {
  const [status] = await once(spawn(python, ["-I", "-c", "pass"], { stdio: "inherit" }), "exit");
  if (status !== 0) throw new Error(`python3 -I -c pass ended with ${status}`);
}
