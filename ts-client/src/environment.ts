/**
 * The environment that the sidecar gets: an allow-list, since a host's environment is full of secrets that the
 * sidecar does not need. PYTHONPATH and PYTHONHOME stay out, so that no foreign module is loaded into it.
 */
import path from "node:path";

/** A snapshot of environment variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

const ALLOWED: ReadonlySet<string> = new Set([
  // Where programs, homes and temporary files are.
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "TMPDIR",
  "TMP",
  "TEMP",
  "XDG_RUNTIME_DIR",
  "XDG_CACHE_HOME",
  // A Python that was built with a shared libpython in its own prefix does not start without it.
  "LD_LIBRARY_PATH",
  "LANG",
  "TZ",
  // What shims and virtual environments look at.
  "PYENV_ROOT",
  "PYENV_VERSION",
  "ASDF_DIR",
  "ASDF_DATA_DIR",
  "VIRTUAL_ENV",
  "CONDA_PREFIX",
  // The sidecar's configuration; see PYRUNNER_ below.
  "PYTHON_PATH",
  "PYTHON_TIMEOUT_MS",
  "PYTHON_MAX_MEMORY_MB",
  // Without these nothing starts on Windows.
  "SYSTEMROOT",
  "COMSPEC",
  "PATHEXT",
  "USERPROFILE",
]);
const ALLOWED_PREFIXES = ["PYRUNNER_", "LC_"];

/** What may be relative to the host's current directory, which is not the sidecar's; other values stay as they are. */
const RELATIVE: Readonly<Record<string, (value: string) => boolean>> = {
  // A bare name is looked up on PATH; several paths are an error that names them.
  PYTHON_PATH: (value) =>
    /[/\\]/.test(value) && !value.includes(path.delimiter) && !path.win32.isAbsolute(value),
  PYRUNNER_CACHE_DIR: (value) => value !== "",
};

/**
 * The allowed part of `host`, with `extra` on top of it. An undefined value in `extra` removes a variable.
 */
export function sidecarEnvironment(host: Environment, extra: Environment): Record<string, string> {
  const chosen: Record<string, string> = {};
  for (const [name, value] of Object.entries(host)) {
    const allowed =
      ALLOWED.has(name.toUpperCase()) || ALLOWED_PREFIXES.some((prefix) => name.startsWith(prefix));
    if (allowed && value !== undefined) chosen[name] = value;
  }
  for (const [name, value] of Object.entries(extra)) {
    if (value === undefined) delete chosen[name];
    else chosen[name] = value;
  }
  for (const [name, isPath] of Object.entries(RELATIVE)) {
    const value = chosen[name];
    if (value !== undefined && isPath(value)) chosen[name] = path.resolve(value);
  }
  return chosen;
}
