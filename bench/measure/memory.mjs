// What the product holds while it waits: the share of each process in memory (PSS), not what they have in common twice.

import { setTimeout as sleep } from "node:timers/promises";
import { pssMib, sidecarProcesses } from "../processes.mjs";
import { openPyRunner } from "../pyrunner.mjs";
import { absentRow, valueRow } from "../rows.mjs";
import { median } from "../statistics.mjs";
import { ARGS, checkText, TEXT_PROCESSOR } from "../workload.mjs";

const CALLS = 50;
const QUIET_MS = 1_000;

export async function measureMemory() {
  const { call, close } = openPyRunner(TEXT_PROCESSOR);
  try {
    for (let done = 0; done < CALLS; done += 1) checkText(await call(ARGS));
    await sleep(QUIET_MS); // The workers that take the place of the used ones are born meanwhile.
    const { sidecar, zygotes, standby } = sidecarProcesses();
    const [ofSidecar, ofZygotes, ofStandby] = [[sidecar], zygotes, standby].map((pids) => pids.map(pssMib));
    return [
      row({
        id: "memory-standby",
        what: `PSS of a standby worker (median of ${standby.length})`,
        parts: ofStandby,
        total: median,
        target: { atMost: 4 },
      }),
      row({
        id: "memory-sidecar",
        what: "PSS of the sidecar and one zygote together",
        parts: [...ofSidecar, ...ofZygotes],
        total: (parts) => parts.reduce((sum, part) => sum + part, 0),
        target: { atMost: 60 },
      }),
    ];
  } finally {
    await close();
  }
}

function row({ parts, total, ...fields }) {
  if (parts.length === 0 || parts.includes(undefined)) {
    return absentRow({
      ...fields,
      why: "not here: /proc/PID/smaps_rollup of a jailed process cannot be read by this user",
    });
  }
  return valueRow({ ...fields, value: total(parts), unit: "MiB", data: { partsMiB: parts } });
}
