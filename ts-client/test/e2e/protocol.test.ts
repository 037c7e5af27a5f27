import { execFileSync } from "node:child_process";
import path from "node:path";
import test from "node:test";
import { PACKAGE_DIR } from "../host-package.js";

test("src/protocol.ts is what the sidecar's schema says", () => {
  const script = path.join(PACKAGE_DIR, "scripts", "generate-protocol.mjs");
  execFileSync(process.execPath, [script, "--check"], { stdio: "inherit" });
});
