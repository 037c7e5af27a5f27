/**
 * How a sidecar is stopped: asked first, then told, then made to. Each step has a bounded wait; stdout and stderr are
 * drained all the while, since a process that blocks on a full pipe cannot end.
 */
import type { Connection } from "./connection.js";
import type { SidecarProcess } from "./sidecar-process.js";

/** For the reply to `shutdown`, which comes when the calls in flight have ended; those that have not then are lost. */
const SHUTDOWN_REPLY_WAIT_MS = 2_000;
/** After `exit` and the end of its stdin; protocol.md says one second, with everything that it started. */
const EXIT_WAIT_MS = 3_000;
/** After SIGTERM, for a sidecar that does not read its stdin any more. */
const TERMINATE_WAIT_MS = 1_000;
/** After SIGKILL there is only the kernel to wait for. */
const KILL_WAIT_MS = 2_000;
/** More than all of the above. */
const STOP_WAIT_MS = 10_000;

/** Stop a sidecar that is in order. Resolves when it is gone. */
export async function stop(process: SidecarProcess, connection: Connection): Promise<void> {
  process.hold();
  try {
    // Not the connection's own deadline: a late answer here is no fault that the calls in flight should be told.
    const answered = connection.request("shutdown", undefined, { deadlineMs: STOP_WAIT_MS });
    await settlesWithin(
      answered.catch(() => undefined),
      SHUTDOWN_REPLY_WAIT_MS,
    );
    await connection.notify("exit");
    process.stdin.end();
    if (!(await exitsWithin(process, EXIT_WAIT_MS))) await terminate(process);
  } finally {
    process.release();
  }
}

/** Stop a sidecar that cannot be talked to any more. Resolves when it is gone. */
export async function terminate(process: SidecarProcess): Promise<void> {
  process.hold();
  try {
    process.stdin.end();
    process.kill("SIGTERM");
    if (await exitsWithin(process, TERMINATE_WAIT_MS)) return;
    process.kill("SIGKILL");
    await exitsWithin(process, KILL_WAIT_MS);
  } finally {
    process.release();
  }
}

/** True if the process ends in time. */
export async function exitsWithin(process: SidecarProcess, waitMs: number): Promise<boolean> {
  return settlesWithin(process.exited, waitMs);
}

/** True if the promise, which must not reject, settles in time. */
export async function settlesWithin(promise: Promise<unknown>, waitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, waitMs, false);
  });
  const inTime = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return inTime;
}
