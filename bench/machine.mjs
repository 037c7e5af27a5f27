// On which machine this was measured, without naming it, and the interpreter that everybody is measured with.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, cpus, release, tmpdir, totalmem, type } from "node:os";
import { join } from "node:path";

/**
 * Facts about this machine, and two paths of one interpreter: `python` is the file itself, since a version manager's shim
 * doubles a peer's time, and `emptyPython` that of a virtual environment with nothing in it, for whoever starts it with its
 * site-packages: what this machine's own run at each start would be on their bill.
 */
export function machine() {
  const [python, pythonVersion] = execFileSync(
    process.env.PYTHON_PATH || "python3",
    ["-c", "import platform, sys; print(sys.executable, platform.python_version(), sep='\\n')"],
    { encoding: "utf8" },
  ).split("\n");
  return {
    cores: availableParallelism(),
    cpu: cpuModel(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release().split("-")[0]}`,
    node: process.version,
    python,
    emptyPython: emptyEnvironment(python),
    pythonVersion,
  };
}

function emptyEnvironment(python) {
  const folder = mkdtempSync(join(tmpdir(), "bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  execFileSync(python, ["-I", "-m", "venv", "--without-pip", folder]);
  return join(folder, "bin", "python3");
}

/** One line for people. */
export function describe({ cores, cpu, memoryGiB, kernel, node, pythonVersion }) {
  return `${cores} cores${cpu ? ` (${cpu})` : ""}, ${memoryGiB} GiB, ${kernel}, Node ${node}, Python ${pythonVersion}`;
}

function cpuModel() {
  const model = cpus()[0]?.model ?? "";
  const isVirtual = /^flags\s*:.*\bhypervisor\b/m.test(readFileSync("/proc/cpuinfo", "utf8"));
  return [model === "unknown" ? "" : model.trim(), isVirtual ? "virtual" : ""].filter(Boolean).join(", ");
}
