/**
 * The sidecar that is packed with this package: the wheels in `wheelhouse/`, unpacked by the first Python on this
 * machine that can run them. `wheelhouse/unpack.py` does it, and holds what makes that safe; nothing is downloaded.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import type { Environment } from "./environment.js";
import { isRecord, messageOf } from "./errors.js";
import { onPath } from "./on-path.js";

/** The newest last among those that a distribution calls by their version: they have had the least testing here. */
const PYTHONS = ["python3", "python3.13", "python3.12", "python3.11", "python3.10", "python3.14", "python"];
/** Unpacking takes a second or two; on a cold disk and a busy machine many times that. */
const UNPACK_WAIT_MS = 120_000;
/** Isolated from the user's environment, and without site-packages: all that the sidecar needs is in its directory. */
const ISOLATED = ["-I", "-S"];

export interface PackedSidecar {
  readonly command: string;
  readonly args: readonly string[];
  /** Where it was unpacked. */
  readonly directory: string;
  /** The version of the Python that runs it, as in `3.12.4`. */
  readonly python: string;
}

interface PackedOptions {
  readonly env: Environment;
  readonly packageDir: string;
  /** Unpack again, in the place of what is there. */
  readonly force?: boolean;
}

/** The packed sidecar, unpacked; or each thing that was tried, with why it could not be had. */
export async function packedSidecar(options: PackedOptions): Promise<PackedSidecar | { tried: string[] }> {
  const { env, packageDir } = options;
  const wheelhouse = path.join(packageDir, "wheelhouse");
  if (!existsSync(path.join(wheelhouse, "manifest.json"))) return { tried: [`no ${wheelhouse}`] };
  const tried: string[] = [];
  for (const python of candidates(env)) {
    const answer = await unpack(python, path.join(wheelhouse, "unpack.py"), options);
    if (typeof answer === "object") {
      const { directory } = answer;
      return { command: python, args: [...ISOLATED, directory], directory, python: answer.python };
    }
    tried.push(`${python}: ${answer}`);
  }
  return { tried: tried.length > 0 ? tried : ["no python3 on PATH"] };
}

/** The tools' interpreter if the host named one, then what is on PATH. */
function candidates(env: Environment): string[] {
  const named = env.PYTHON_PATH ?? "";
  const first = path.isAbsolute(named) ? named : named && onPath(named, env);
  const found = [first, ...PYTHONS.map((name) => onPath(name, env))];
  return [...new Set(found.filter((file): file is string => Boolean(file)))];
}

/** Where this Python has the sidecar, or why it cannot have it. */
function unpack(
  python: string,
  script: string,
  { env, packageDir, force }: PackedOptions,
): Promise<{ directory: string; python: string } | string> {
  const args = [...ISOLATED, "-B", script, ...(force ? ["--force"] : [])];
  return new Promise((resolve) => {
    execFile(
      python,
      args,
      { cwd: packageDir, env, timeout: UNPACK_WAIT_MS, windowsHide: true },
      (error, stdout, stderr) => {
        if (error !== null) return resolve(lastLine(stderr) ?? lastLine(messageOf(error)) ?? "it failed");
        const answer = parsed(stdout);
        if (typeof answer?.directory !== "string" || typeof answer.python !== "string") {
          return resolve("it did not answer like a Python");
        }
        resolve({ directory: answer.directory, python: answer.python });
      },
    );
  });
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function lastLine(text: string): string | undefined {
  return text.trim().split("\n").at(-1) || undefined;
}
