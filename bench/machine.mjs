// On which machine this was measured, without naming it, and the interpreter that everybody is measured with.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem, type } from "node:os";

/** Facts about this machine, and `python`: the interpreter itself, since a version manager's shim doubles a peer's time. */
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
    pythonVersion,
  };
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
