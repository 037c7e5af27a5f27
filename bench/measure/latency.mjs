// One call after the other, from Node: the product paced (a pause before each call, in which its standby workers get
// ready) and back to back, the floors, and every peer.

import { ALL, openPeers, WITHOUT_INSTALL } from "../contestants.mjs";
import { openEcho } from "../floors/echo.mjs";
import { openForks } from "../floors/fork.mjs";
import { openPlain } from "../floors/plain.mjs";
import { ISOLATES, openPyRunner } from "../pyrunner.mjs";
import { absentRow, ratioRow } from "../rows.mjs";
import { median, quantile, ratioOver, takeTurns, timesOf } from "../statistics.mjs";
import { ARGS, checkText, TEXT_PROCESSOR } from "../workload.mjs";

const GAP_MS = 10;
const WARM_UP_CALLS = 20;
const FORK_MS = 200;
/** What a jailed call may take beyond an echo. */
const GRANTED_MS = 0.25;

export async function measureLatency({ machine, isShort }) {
  const product = openPyRunner(TEXT_PROCESSOR);
  const echo = openEcho();
  const forks = openForks(machine);
  const plain = openPlain(TEXT_PROCESSOR, machine);
  const { opened, absent } = await openPeers(isShort ? WITHOUT_INSTALL : ALL, TEXT_PROCESSOR, machine);
  const everybody = [product, echo, plain, forks, ...opened];

  const count = isShort ? 40 : 80;
  const text = { count, check: checkText };
  const contestants = {
    paced: () => timesOf(() => product.call(ARGS), { ...text, gapMs: GAP_MS }),
    "echo-paced": () => timesOf(() => echo.call(ARGS), { count, gapMs: GAP_MS }),
    "back-to-back": () => timesOf(() => product.call(ARGS), text),
    echo: () => timesOf(() => echo.call(ARGS), { count }),
    plain: () => timesOf(() => plain.call(ARGS), text),
    fork: async () => (await forks.measure(FORK_MS)).timesMs,
  };
  for (const { peer, call } of opened) {
    contestants[peer.id] = () => timesOf(() => call(ARGS), { count: peer.callsPerRound, check: checkText });
  }
  try {
    for (const { call } of [product, echo]) await timesOf(() => call(ARGS), { count: WARM_UP_CALLS });
    for (const { call } of opened) checkText(await call(ARGS));
    const rounds = await takeTurns(6, contestants);
    return [...rowsOf(rounds, opened), ...absent.map(({ peer, why }) => absentRow({ ...named(peer), why }))];
  } finally {
    for (const one of everybody) await one.close();
  }
}

function rowsOf(rounds, opened) {
  const p50 = (round, id) => median(round[id]);
  const against = (id, fast = "paced") => ratioOver(rounds, (round) => p50(round, id) / p50(round, fast));
  const row = (fields) => ratioRow({ ...fields, ...timesIn(rounds, fields.id) });
  const granted = ratioOver(rounds, (round) => p50(round, "paced") / (p50(round, "echo-paced") + GRANTED_MS));
  const rows = [
    row({
      id: "paced",
      what: `pyrunner, strict, ${GAP_MS} ms between calls`,
      isolates: ISOLATES,
      ratio: granted,
      ratioOf: "it / (echo + 0.25 ms)",
      target: { atMost: 1.5 },
    }),
    row({
      id: "back-to-back",
      what: "pyrunner, strict, back to back",
      isolates: ISOLATES,
      ratio: against("back-to-back"),
      ratioOf: "it / paced",
    }),
  ];
  const floors = {
    "echo-paced": `floor: echo, ${GAP_MS} ms between calls`,
    echo: "floor: echo, back to back",
    plain: "floor: a python3 kept running, shared",
    fork: "floor: fork + _exit + wait of the zygote",
  };
  for (const [id, what] of Object.entries(floors)) {
    rows.push(row({ id, what, ratio: against(id), ratioOf: "it / pyrunner paced" }));
  }
  const targets = {
    "new-python": { atLeast: 50 },
    "pyodide-warm": { atLeast: 1 },
    "pyodide-kept": { atLeast: 1 },
  };
  for (const { peer } of opened) {
    const ratio = against(peer.id);
    rows.push(row({ ...named(peer), ratio, ratioOf: "it / pyrunner paced", target: targets[peer.id] }));
  }
  return rows;
}

function named({ id, name, isolates }) {
  return { id, what: name, isolates };
}

function timesIn(rounds, id) {
  const timesMs = rounds.flatMap((round) => round[id]);
  const [p50Ms, p99Ms] = [median(timesMs), quantile(timesMs, 0.99)];
  return { latency: { p50Ms, p99Ms, calls: timesMs.length }, figure: `${ms(p50Ms)} ms, p99 ${ms(p99Ms)}` };
}

function ms(value) {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
