import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import test from "node:test";

const load = createRequire(__filename);

test("`require` and `import` give the same objects, on every path of `exports`", async () => {
  for (const specifier of [
    "pyrunner",
    "pyrunner/core/tool-engine",
    "pyrunner/core/tool-engine/runners/pyRunner",
  ]) {
    const required = load(specifier);
    const imported = await import(specifier);
    const names = Object.keys(required).sort();
    assert.deepEqual(Object.keys(imported).sort(), names);
    assert.deepEqual(
      names.filter((name) => !/Error$/.test(name)),
      ["PyRunner", "ToolEngine"],
    );
    for (const name of Object.keys(required)) assert.equal(imported[name], required[name], name);
  }
});

test("index.mts names everything that index.ts names, types included", () => {
  const names = (file: string): string[] => {
    const source = readFileSync(path.join(__dirname, "..", "src", file), "utf8");
    const lists = [...source.matchAll(/export (?:type )?\{([^}]*)\}/g)].map(([, list = ""]) => list);
    return lists
      .flatMap((list) => list.replace(/\btype /g, "").split(","))
      .map((name) => name.trim())
      .filter(Boolean)
      .sort();
  };
  assert.deepEqual(names("index.mts"), names("index.ts"));
});

test("there are two runtime dependencies: one for the wire, one for JSON Schema", () => {
  assert.deepEqual(Object.keys(load("pyrunner/package.json").dependencies), ["ajv", "vscode-jsonrpc"]);
});
