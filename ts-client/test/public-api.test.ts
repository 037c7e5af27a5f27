import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
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

const ADAPTERS = ["ai-sdk", "langchain", "mastra", "mcp", "openai-agents"];

test("an adapter is the same by `require` and by `import`, and the package's own class is in it", async () => {
  for (const name of ADAPTERS) {
    const required = load(`pyrunner/${name}`);
    const imported = await import(`pyrunner/${name}`);
    const functions = name === "mcp" ? ["mcpServer", "serveMcp"] : ["pythonTools"];
    assert.deepEqual(Object.keys(required).sort(), ["ToolCallError", ...functions].sort(), name);
    assert.deepEqual(Object.keys(imported).sort(), ["ToolCallError", ...functions].sort(), name);
    for (const key of Object.keys(required)) assert.equal(imported[key], required[key], `${name}: ${key}`);
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

test("nothing in the declarations that are published is `any`", () => {
  const dist = path.join(__dirname, "..", "dist");
  const files = readdirSync(dist, { recursive: true, encoding: "utf8" });
  const declarations = files.filter((file) => /\.d\.m?ts$/.test(file));
  assert.ok(declarations.length > 50);
  for (const file of declarations) {
    const code = readFileSync(path.join(dist, file), "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
    assert.doesNotMatch(code, /[:<|(,=]\s*any\b/, file);
  }
});

test("there are two runtime dependencies, for the wire and for JSON Schema, and what the adapters need is optional", () => {
  const { dependencies, peerDependencies, peerDependenciesMeta } = load("pyrunner/package.json");
  assert.deepEqual(Object.keys(dependencies), ["ajv", "vscode-jsonrpc"]);
  for (const name of Object.keys(peerDependencies)) assert.equal(peerDependenciesMeta[name]?.optional, true);
});
