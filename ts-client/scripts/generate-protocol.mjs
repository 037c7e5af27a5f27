// Writes src/protocol.ts from the sidecar's own JSON Schema (`python -m sidecar schema`), so that the two sides of the
// wire cannot differ. With --check nothing is written: the exit code says whether the file is up to date.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { compile } from "json-schema-to-typescript";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TARGET = fileURLToPath(new URL("../src/protocol.ts", import.meta.url));
const PYTHON = process.env.PYRUNNER_SIDECAR ?? `${ROOT}.venv/bin/python`;
const BANNER = "// Generated from the sidecar's JSON Schema by `npm run generate`; do not edit.";

const schema = JSON.parse(execFileSync(PYTHON, ["-m", "sidecar", "schema"], { cwd: ROOT, encoding: "utf8" }));

// What no message refers to is the sidecar's own affair.
const reachable = new Set();
collect([schema.methods, schema.notifications]);
const $defs = Object.fromEntries([...reachable].sort().map((name) => [name, schema.$defs[name]]));
markAnyValue($defs);

const source = await compile({ title: "Wire", type: "object", $defs }, "Wire", {
  additionalProperties: false,
  bannerComment: BANNER,
  style: { printWidth: 110 },
  unreachableDefinitions: true,
});
const text = source
  .replace(/export interface Wire \{\s*\}\n?/, "")
  .replace(/\n \* ?\n \* This interface was referenced by .*\n \* via the `definition` .*/g, "");

if (!process.argv.includes("--check")) {
  writeFileSync(TARGET, text);
} else if (readFileSync(TARGET, "utf8") !== text) {
  console.error("src/protocol.ts is not what the sidecar's schema says: run `npm run generate`.");
  process.exitCode = 1;
}

function collect(node) {
  if (typeof node !== "object" || node === null) return;
  const name = typeof node.$ref === "string" ? node.$ref.split("/").at(-1) : undefined;
  if (name !== undefined && !reachable.has(name)) {
    reachable.add(name);
    collect(schema.$defs[name]);
  }
  Object.values(node).forEach(collect);
}

/** A property without a type takes any JSON value; the generator would make an object of it. */
function markAnyValue(node) {
  if (typeof node !== "object" || node === null) return;
  for (const property of Object.values(node.properties ?? {})) {
    const saysMore = ["type", "anyOf", "$ref", "enum", "const"].some((keyword) => keyword in property);
    if (!saysMore) property.tsType = "unknown";
  }
  Object.values(node).forEach(markAnyValue);
}
