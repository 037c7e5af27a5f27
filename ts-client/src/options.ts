/**
 * Options and configuration: an explicit option wins over the environment, which wins over the defaults.
 *
 * Invariant: nothing here runs in a constructor. A value that cannot be used is refused at the first use, by name.
 */
import { statSync } from "node:fs";
import path from "node:path";
import type { Environment } from "./environment.js";
import { errorOf } from "./error-kinds.js";
import type { PyRunnerError } from "./errors.js";
import type { Telemetry } from "./telemetry.js";

/** The same bounds as the sidecar's `config.py`. */
const TIMEOUT_MS = { min: 1, max: 24 * 60 * 60 * 1000, default: 30_000 };
const MEMORY_MB = { min: 8, max: 1024 * 1024, default: 256 };
const LEVELS = ["strict", "process"] as const;
const DEFAULT_PYTHON_PATH = "python3";

/** What a call or a runner may set; each field is optional. */
export interface LimitOptions {
  /** Wall time of one call, in milliseconds. Default: `PYTHON_TIMEOUT_MS` or 30000. */
  readonly timeout?: number | undefined;
  /** Another spelling of `timeout`. */
  readonly timeoutMs?: number | undefined;
  /** Memory of one call, in MiB. Default: `PYTHON_MAX_MEMORY_MB` or 256. */
  readonly maxMemoryMB?: number | undefined;
  /** Another spelling of `maxMemoryMB`. */
  readonly maxMemoryMb?: number | undefined;
  /**
   * The weakest isolation that is accepted; a call below it fails with `sandbox_unavailable`. `process`, which promises
   * no more than a process with limits, is for machines that cannot do better. Default: `PYRUNNER_MIN_ISOLATION` or
   * `strict`.
   */
  readonly minIsolation?: IsolationLevel | undefined;
}

/** Strongest first; each reply says which one it ran at. */
export type IsolationLevel = (typeof LEVELS)[number];

/** Where a runner reports what happens beside the calls. `console` and pino both fit. */
export interface Logger {
  debug(message: string): void;
  warn(message: string): void;
}

export interface PyRunnerOptions extends LimitOptions {
  /**
   * The interpreter that runs the tools: a name on PATH or a path. Default: `PYTHON_PATH` or `python3`.
   * It need not be the one that runs the sidecar.
   */
  readonly pythonPath?: string | undefined;
  /**
   * The name that a call's private scratch directory, its current directory, has inside the call; it is no directory of
   * the host. A path below `/tmp` is used as it is, any other is put below `/tmp`. Default: `/tmp`.
   */
  readonly workingDir?: string | undefined;
  /**
   * How to start the sidecar. A string is one file: a Python interpreter (its name starts with `python` or `pypy`),
   * which is run with `-m sidecar`, or any other program, run as it is. An array is a whole command line.
   * Default: `PYRUNNER_SIDECAR` (read like the string), then the checkout's `.venv`, then an installed package.
   */
  readonly sidecar?: string | readonly [string, ...string[]] | undefined;
  /** Variables for the sidecar and for the configuration, on top of `process.env`; undefined removes one. */
  readonly env?: Environment | undefined;
  /**
   * Runners of one process that would start the same sidecar in the same environment share one, each with its own tools;
   * it ends with the last of them. `false` gives this runner one of its own. Default: true.
   */
  readonly share?: boolean | undefined;
  readonly logger?: Logger | undefined;
  /** Traces of each run; `openTelemetry()` of `pyrunner/otel` makes one. Default: none. */
  readonly telemetry?: Telemetry | undefined;
}

/** The configuration that a runner works with. */
export interface PyRunnerConfig {
  readonly pythonPath: string;
  /** Milliseconds of wall time. */
  readonly timeout: number;
  /** MiB. */
  readonly maxMemoryMB: number;
  /** Where it was set; the sidecar's own default is `strict`. */
  readonly minIsolation?: IsolationLevel;
  /** What the scratch directory is called inside a call, as it was asked for. */
  readonly workingDir: string | undefined;
}

/** The fields of the wire's `register` and `run` that the host set itself; the sidecar's environment supplies the rest. */
export interface WireLimits {
  pythonPath?: string;
  timeout?: number;
  maxMemoryMB?: number;
  minIsolation?: IsolationLevel;
  workingDir?: string;
}

/** Resolve the configuration, or throw `invalid_config` for the first value that cannot be used. */
export function resolveConfig(options: PyRunnerOptions, env: Environment): PyRunnerConfig {
  const wire = wireLimits(options);
  const minIsolation = wire.minIsolation ?? levelFromEnv(env);
  return {
    pythonPath: wire.pythonPath ?? pythonPathFromEnv(env) ?? DEFAULT_PYTHON_PATH,
    timeout: wire.timeout ?? numberFromEnv(env, "PYTHON_TIMEOUT_MS", TIMEOUT_MS),
    maxMemoryMB: wire.maxMemoryMB ?? numberFromEnv(env, "PYTHON_MAX_MEMORY_MB", MEMORY_MB),
    workingDir: wire.workingDir,
    ...(minIsolation === undefined ? {} : { minIsolation }),
  };
}

/** What was set explicitly, checked, in the wire's spelling. */
export function wireLimits(
  options: LimitOptions & { pythonPath?: string | undefined; workingDir?: string | undefined },
): WireLimits {
  const limits: WireLimits = {};
  const timeout = oneOf("timeout", options.timeout, "timeoutMs", options.timeoutMs);
  const maxMemoryMB = oneOf("maxMemoryMB", options.maxMemoryMB, "maxMemoryMb", options.maxMemoryMb);
  if (timeout !== undefined) limits.timeout = within("timeout", timeout, TIMEOUT_MS, "milliseconds");
  if (maxMemoryMB !== undefined) limits.maxMemoryMB = within("maxMemoryMB", maxMemoryMB, MEMORY_MB, "MiB");
  if (options.minIsolation !== undefined) limits.minIsolation = level("minIsolation", options.minIsolation);
  if (options.pythonPath !== undefined) limits.pythonPath = pythonPath("pythonPath", options.pythonPath);
  if (options.workingDir !== undefined) {
    if (typeof options.workingDir !== "string" || options.workingDir === "") {
      throw invalid("workingDir", options.workingDir, "a path");
    }
    limits.workingDir = path.resolve(options.workingDir);
  }
  return limits;
}

function oneOf(
  name: string,
  value: number | undefined,
  alias: string,
  other: number | undefined,
): number | undefined {
  if (value !== undefined && other !== undefined && value !== other) {
    throw errorOf("invalid_config", `${name} and ${alias} are two spellings of one option and differ.`);
  }
  return value ?? other;
}

function within(
  name: string,
  value: number,
  { min, max }: { min: number; max: number },
  unit: string,
): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw invalid(name, value, `a whole number of ${unit} from ${min} to ${max}`);
}

function level(name: string, value: string): IsolationLevel {
  const found = LEVELS.find((one) => one === value);
  if (found === undefined) throw invalid(name, value, `one of ${LEVELS.join(", ")}`);
  return found;
}

function levelFromEnv(env: Environment): IsolationLevel | undefined {
  const raw = env.PYRUNNER_MIN_ISOLATION;
  return raw === undefined || raw === "" ? undefined : level("PYRUNNER_MIN_ISOLATION", raw);
}

function numberFromEnv(
  env: Environment,
  name: string,
  bounds: { min: number; max: number; default: number },
): number {
  const raw = env[name];
  if (raw === undefined || raw === "") return bounds.default;
  const value = /^\d{1,20}$/.test(raw) ? Number(raw) : Number.NaN;
  if (value >= bounds.min && value <= bounds.max) return value;
  throw invalid(name, raw, `a whole number from ${bounds.min} to ${bounds.max}`);
}

function pythonPathFromEnv(env: Environment): string | undefined {
  const raw = env.PYTHON_PATH;
  if (raw === undefined || raw === "") return undefined;
  if (raw.split(path.delimiter).length > 1) throw notAnInterpreter("PYTHON_PATH", raw);
  return pythonPath("PYTHON_PATH", raw);
}

/** A bare name is looked up on PATH later; a relative path is relative to the host, which the sidecar cannot know. */
function pythonPath(name: string, value: string): string {
  if (typeof value !== "string" || value === "") throw notAnInterpreter(name, value);
  if (!/[/\\]/.test(value)) return value;
  if (statSync(value, { throwIfNoEntry: false })?.isDirectory()) throw notAnInterpreter(name, value);
  return path.win32.isAbsolute(value) ? value : path.resolve(value);
}

function notAnInterpreter(name: string, value: unknown): PyRunnerError {
  return invalid(name, value, "one interpreter (a name on PATH or a file); PYTHONPATH is another variable");
}

function invalid(name: string, value: unknown, expected: string): PyRunnerError {
  const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
  return errorOf("invalid_config", `${name}=${shown} is not valid: expected ${expected}.`, {
    data: { name },
  });
}
