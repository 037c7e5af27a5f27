// bubblewrap around `python3 -I -S`: namespaces and a tree of its own for each call; no system-call filter, no limits.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { oneShot, PROGRAM } from "./one-shot.mjs";

const PREFIX = "import sys; print(sys.base_prefix)";
const SYSTEM = ["/usr", "/lib", "/lib64"];

export const peer = {
  id: "bubblewrap",
  name: "bubblewrap + python3 -I -S per call",
  isolates: { cpython: "yes", boundary: "kernel", fresh: "yes" },
  callsPerRound: 10,
  open: async (code, { python }) => {
    try {
      execFileSync("bwrap", ["--version"], { stdio: "ignore" });
    } catch {
      throw new Error("bwrap is not installed");
    }
    const prefix = execFileSync(python, ["-I", "-S", "-c", PREFIX], { encoding: "utf8" }).trim();
    const shown = [...new Set([...SYSTEM, prefix])].filter((folder) => existsSync(folder));
    const tree = shown.flatMap((folder) => ["--ro-bind", folder, folder]);
    const rest = ["--dev", "/dev", "--tmpfs", "/tmp", "--chdir", "/tmp", "--clearenv", "--cap-drop", "ALL"];
    const life = ["--unshare-all", "--die-with-parent", "--new-session"];
    return oneShot(["bwrap", ...tree, ...rest, ...life, python, "-I", "-S", "-c", PROGRAM])(code);
  },
};
