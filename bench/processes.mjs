// The product's processes, from /proc, and the memory that each has for itself.

import { readdirSync, readFileSync } from "node:fs";

const PROC = "/proc";

/** `{sidecar, zygotes, standby}`: the ids of the processes behind a runner of this Node process that has just been used. */
export function sidecarProcesses() {
  const children = childrenByParent();
  const below = (pid) => (children.get(pid) ?? []).flatMap((child) => [child, ...below(child)]);
  const isSidecar = (pid) => commandOf(pid).some((part) => /(^|\/|-)sidecar$/.test(part));
  const sidecar = (children.get(process.pid) ?? []).find(isSidecar);
  if (sidecar === undefined) throw new Error("no sidecar is running");
  // The zygote is a process and the init of its namespaces below it; what hangs on the init are workers.
  const jailed = below(sidecar).filter((pid) =>
    commandOf(pid).some((part) => part.endsWith("worker/__main__.py")),
  );
  const standby = jailed.filter((pid) => !children.has(pid));
  return { sidecar, zygotes: jailed.filter((pid) => children.has(pid)), standby };
}

/**
 * A process's proportional set size in MiB: its own pages, and its share of those that it has in common with others
 * (`Pss` of smaps_rollup, Documentation/filesystems/proc.rst). undefined where the kernel does not tell us.
 */
export function pssMib(pid) {
  try {
    const kib = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`${PROC}/${pid}/smaps_rollup`, "utf8"))?.[1];
    return kib === undefined ? undefined : Number(kib) / 1024;
  } catch {
    return undefined;
  }
}

function childrenByParent() {
  const children = new Map();
  for (const pid of readdirSync(PROC)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)) {
    const parent = parentOf(pid);
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  return children;
}

function parentOf(pid) {
  try {
    // After the name, which may hold anything, in parentheses.
    return Number(readFileSync(`${PROC}/${pid}/stat`, "utf8").split(") ").pop()?.split(" ")[1]);
  } catch {
    return undefined; // It has ended meanwhile.
  }
}

function commandOf(pid) {
  try {
    return readFileSync(`${PROC}/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}
