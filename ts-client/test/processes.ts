/** Waiting for processes that are not our children, which no event tells about. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

/** By protocol.md, within one second after its host, a sidecar and all that it started are gone. Twice that, for CI. */
const GONE_WAIT_MS = 2_000;
const POLL_MS = 10;

/** Resolves when there is no such process; fails if that takes too long. */
export async function gone(pid: number): Promise<void> {
  const deadline = performance.now() + GONE_WAIT_MS;
  while (isAlive(pid)) {
    assert.ok(performance.now() < deadline, `process ${pid} is still there after ${GONE_WAIT_MS} ms`);
    await setTimeout(POLL_MS);
  }
}

/** A zombie counts as gone: its parent has only not asked for its exit status yet. */
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/** The sidecar that this process has started; there must be exactly one. */
export function sidecarPid(): number {
  const sidecars = childrenOf(process.pid).filter((pid) =>
    /sidecar/.test(readFileSync(`/proc/${pid}/cmdline`, "utf8")),
  );
  assert.equal(sidecars.length, 1);
  return sidecars[0] ?? assert.fail();
}

/** The children of a process, their children, and so on. */
export function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
}

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
      .flatMap((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" "))
      .filter(Boolean)
      .map(Number);
  } catch {
    return []; // It has just ended.
  }
}
