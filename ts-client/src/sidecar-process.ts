/**
 * The sidecar as an operating system process: its pipes, its end, its last words.
 *
 * Invariant: it keeps the host's event loop alive only while somebody holds it, that is, while a call is pending.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { messageOf } from "./errors.js";
import type { SidecarCommand } from "./find-sidecar.js";

/** What is kept of stderr for error messages; the rest is read and dropped, or the sidecar would block on a full pipe. */
const STDERR_TAIL_CHARS = 4096;

/** How a process ended. `spawnError` is set when it never started. */
export interface ExitStatus {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly spawnError?: string;
}

export class SidecarProcess {
  /** Resolves, never rejects, when the process has ended or could not be started. */
  readonly exited: Promise<ExitStatus>;
  readonly command: SidecarCommand;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  #stderrTail = "";
  #holders = 0;

  constructor(command: SidecarCommand, env: Readonly<Record<string, string>>) {
    this.command = command;
    this.#child = spawn(command.command, [...command.args], {
      cwd: command.cwd,
      env,
      stdio: ["pipe", "pipe", "pipe"],
      // A terminal's Ctrl-C is the host's to hear, which may have calls to see to their end; the end of its stdin ends it.
      detached: process.platform !== "win32",
      windowsHide: true,
    });
    this.exited = new Promise((resolve) => {
      this.#child.once("exit", (exitCode, signal) => resolve({ exitCode, signal }));
      this.#child.once("error", (error) =>
        resolve({ exitCode: null, signal: null, spawnError: messageOf(error) }),
      );
    });
    this.#child.stdin.on("error", () => undefined); // A broken pipe is told by the exit, with its reason.
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderrTail = (this.#stderrTail + text).slice(-STDERR_TAIL_CHARS);
    });
    this.#unref();
  }

  get stdin(): Writable {
    return this.#child.stdin;
  }

  get stdout(): Readable {
    return this.#child.stdout;
  }

  get stderrTail(): string {
    return this.#stderrTail.trim();
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Keep the event loop alive until the same number of `release` calls. */
  hold(): void {
    this.#holders += 1;
    if (this.#holders > 1) return;
    this.#child.ref();
    for (const pipe of this.#pipes()) pipe.ref();
  }

  release(): void {
    this.#holders -= 1;
    if (this.#holders === 0) this.#unref();
  }

  #unref(): void {
    this.#child.unref();
    for (const pipe of this.#pipes()) pipe.unref();
  }

  /** Pipes of a child process are sockets; the types only promise streams. A process that did not start has none. */
  #pipes(): Socket[] {
    return [this.#child.stdin, this.#child.stdout, this.#child.stderr].filter(
      (pipe): pipe is Readable & Writable & Socket => typeof (pipe as Partial<Socket>).unref === "function",
    );
  }
}

/** One sentence about an end, for error messages. */
export function describeExit({ exitCode, signal, spawnError }: ExitStatus): string {
  if (spawnError !== undefined) return `could not be started: ${spawnError}`;
  return signal === null ? `exited with code ${exitCode}` : `was ended by ${signal}`;
}
