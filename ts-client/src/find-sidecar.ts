/**
 * Which command starts the sidecar. In order: the option, `PYRUNNER_SIDECAR`, the checkout that this package lies in,
 * the one that is packed with it, an installed `pyrunner-sidecar`. What the host named itself is taken as it is, never
 * replaced by a guess.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import type { Environment } from "./environment.js";
import { errorOf } from "./error-kinds.js";
import { messageOf } from "./errors.js";
import { onPath } from "./on-path.js";
import type { PyRunnerOptions } from "./options.js";
import { packedSidecar } from "./packed-sidecar.js";

/** The folder with package.json: the parent of `src` and of `dist`. */
export const PACKAGE_DIR = path.dirname(__dirname);
/** An interpreter behind a shim on a cold disk takes a second or two. */
const PROBE_WAIT_MS = 15_000;
/** Asks for the distribution, not for `import sidecar`, which another package may be called as well. */
const PROBE = "import importlib.metadata as m; print(m.version('pyrunner-sidecar'))";

const IS_WINDOWS = process.platform === "win32";

export interface SidecarCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** A directory of ours: `python -m` looks there first, and the host's current directory may hold a `sidecar.py`. */
  readonly cwd: string;
  /** Where this command comes from, for messages. */
  readonly origin: string;
}

interface FindOptions {
  readonly sidecar?: PyRunnerOptions["sidecar"];
  /** The environment that the sidecar will get. */
  readonly env: Environment;
  readonly packageDir?: string;
}

/** Find the sidecar, or throw `sidecar_not_found` with each place that was tried and why it was not taken. */
export async function findSidecar({
  sidecar,
  env,
  packageDir = PACKAGE_DIR,
}: FindOptions): Promise<SidecarCommand> {
  if (typeof sidecar === "object") {
    const [command, ...args] = sidecar;
    return { command, args, cwd: process.cwd(), origin: "the option `sidecar`" };
  }
  if (sidecar !== undefined) return named(sidecar, "the option `sidecar`", packageDir);
  if (env.PYRUNNER_SIDECAR) return named(env.PYRUNNER_SIDECAR, "PYRUNNER_SIDECAR", packageDir);

  const tried = ["the option `sidecar`: not set", "PYRUNNER_SIDECAR: not set"];

  const root = path.dirname(packageDir);
  const venvPython = path.join(
    root,
    ".venv",
    ...(IS_WINDOWS ? ["Scripts", "python.exe"] : ["bin", "python"]),
  );
  const source = path.join(root, "sidecar", "__main__.py");
  const missing = [venvPython, source].filter((file) => !existsSync(file));
  if (missing.length === 0) {
    return { command: venvPython, args: ["-m", "sidecar"], cwd: root, origin: "the checkout's .venv" };
  }
  tried.push(`the checkout: no ${missing.join(", no ")}`);

  const packed = await packedSidecar({ env, packageDir });
  if ("command" in packed) {
    const { command, args, python } = packed;
    return { command, args, cwd: packageDir, origin: `packed with this package, run by Python ${python}` };
  }
  tried.push(...packed.tried.map((reason) => `packed with this package: ${reason}`));

  const script = onPath("pyrunner-sidecar", env);
  if (script !== undefined) return { command: script, args: [], cwd: packageDir, origin: "PATH" };
  tried.push("pyrunner-sidecar: not on PATH");

  for (const name of IS_WINDOWS ? ["python", "py"] : ["python3", "python"]) {
    const python = onPath(name, env);
    const refusal = python === undefined ? "not on PATH" : await probe(python, env, packageDir);
    if (python !== undefined && refusal === undefined)
      return named(python, "an installed package", packageDir);
    tried.push(`${name}: ${refusal}`);
  }
  throw errorOf(
    "sidecar_not_found",
    `Failed to spawn Python process: no sidecar was found.\n${tried.map((line) => `  - ${line}`).join("\n")}\n` +
      "Put a Python 3.10 or newer on PATH, or set PYRUNNER_SIDECAR to one that has the package pyrunner-sidecar.",
    { data: { tried } },
  );
}

/** A file that the host named: an interpreter gets `-m sidecar`, any other program is the sidecar itself. */
function named(file: string, origin: string, packageDir: string): SidecarCommand {
  const isInterpreter = /^(python|pypy)[\d.]*(\.exe)?$/i.test(path.basename(file));
  const command = /[/\\]/.test(file) ? path.resolve(file) : file;
  return { command, args: isInterpreter ? ["-m", "sidecar"] : [], cwd: packageDir, origin };
}

/** Why this interpreter cannot be taken, or undefined. */
function probe(python: string, env: Environment, cwd: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(python, ["-c", PROBE], { cwd, env, timeout: PROBE_WAIT_MS }, (error, _stdout, stderr) => {
      if (error === null) return resolve(undefined);
      const isMissing = stderr.includes("PackageNotFoundError");
      resolve(`${python}: ${isMissing ? "pyrunner-sidecar is not installed" : firstLine(messageOf(error))}`);
    });
  });
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
