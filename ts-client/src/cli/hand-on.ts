/** A command that the sidecar has itself: it gets the terminal, and its exit status is ours. */
import { spawn } from "node:child_process";
import os from "node:os";
import { sidecarEnvironment } from "../environment.js";
import { errorOf } from "../error-kinds.js";
import { messageOf } from "../errors.js";
import { findSidecar } from "../find-sidecar.js";

/** What a shell adds to a signal's number. */
const SIGNAL_STATUS = 128;

/** Run the sidecar with these arguments; resolves with its exit status. */
export async function handOn(args: string[]): Promise<number> {
  const env = sidecarEnvironment(process.env, terminal());
  const { command, args: first, cwd, origin } = await findSidecar({ env });
  const child = spawn(command, [...first, ...args], { cwd, env, stdio: "inherit" });
  const forward = (signal: NodeJS.Signals): void => {
    // A terminal's SIGINT has reached the child already: it ends itself, and we with it.
    if (signal !== "SIGINT") child.kill(signal);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, forward);
  return await new Promise((resolve, reject) => {
    child.once("error", (cause) => {
      const message = `Failed to spawn Python process: ${command} (${origin}): ${messageOf(cause)}.`;
      reject(errorOf("sidecar_exited", message, { cause }));
    });
    child.once("exit", (code, signal) =>
      resolve(code ?? SIGNAL_STATUS + (signal === null ? 0 : os.constants.signals[signal])),
    );
  });
}

/** What a program looks at to know how wide it may write, and in which colours. */
function terminal(): Record<string, string | undefined> {
  const { TERM, COLUMNS, NO_COLOR } = process.env;
  return Object.fromEntries(
    Object.entries({ TERM, COLUMNS, NO_COLOR }).filter(([, value]) => value !== undefined),
  );
}
