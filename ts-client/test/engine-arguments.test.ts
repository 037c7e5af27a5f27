import assert from "node:assert/strict";
import test from "node:test";
import { ToolEngine } from "../src/engine/tool-engine.js";

const SCHEMA = { type: "object", required: ["n"], properties: { n: { type: "integer", maximum: 9 } } };

test("arguments that do not fit the schema of a builtin or js tool are refused, and the tool does not run", async () => {
  const engine = new ToolEngine();
  const runs: unknown[] = [];
  engine.register({ id: "own", schema: SCHEMA }, (args) => runs.push(args));
  engine.register({ id: "js", runner: "js", schema: SCHEMA }, "text");
  engine.jsRunner = { createRunner: () => (args) => runs.push(args) };
  for (const id of ["own", "js"]) {
    assert.deepEqual(await engine.invoke(id, { n: 10 }), {
      ok: false,
      error: {
        message: "The arguments do not fit the tool's schema: /n must be <= 9",
        type: "ValidationError",
        code: "invalid_args",
        errors: [
          {
            instancePath: "/n",
            keyword: "maximum",
            message: "must be <= 9",
            params: { comparison: "<=", limit: 9 },
            schemaPath: "#/properties/n/maximum",
          },
        ],
        hint: "Correct what `errors` lists and call the tool again.",
      },
    });
    assert.deepEqual(runs.splice(0), []);
    assert.equal((await engine.invoke(id, { n: 9 })).ok, true);
    assert.deepEqual(runs.splice(0), [{ n: 9 }], "as they were given");
  }
});

test("at most twenty errors are listed, and three are quoted", async () => {
  const engine = new ToolEngine();
  engine.register({ id: "many", schema: { items: { type: "string" } } }, () => 1);
  const { error } = await engine.invoke("many", Array(30).fill(0));
  assert.equal([error?.errors].flat().length, 20);
  assert.match(
    error?.message ?? "",
    /: \/0 must be string; \/1 must be string; \/2 must be string \(and 17 more\)$/,
  );
});

test("a schema's dialect is the one that it names, 2020-12 where it names none", async () => {
  const engine = new ToolEngine();
  const tuple = { prefixItems: [{ type: "string" }] };
  const old = { items: [{ type: "string" }] };
  const dialects: [schema: object, message: RegExp][] = [
    [tuple, /must be string/],
    [{ $schema: "https://json-schema.org/draft/2020-12/schema", ...tuple }, /must be string/],
    [{ $schema: "https://json-schema.org/draft/2019-09/schema", ...old }, /must be string/],
    [{ $schema: "http://json-schema.org/draft-07/schema#", ...old }, /must be string/],
  ];
  for (const [index, [schema, message]] of dialects.entries()) {
    engine.register({ id: `${index}`, schema }, () => 1);
    assert.match((await engine.invoke(`${index}`, [7])).error?.message ?? "", message);
  }
});

test("two tools may bring schemas with one `$id`", async () => {
  const engine = new ToolEngine();
  engine.register({ id: "a", schema: { $id: "https://example.com/x", type: "string" } }, () => 1);
  engine.register({ id: "b", schema: { $id: "https://example.com/x", type: "number" } }, () => 1);
  assert.equal((await engine.invoke("a", "s")).ok, true);
  assert.equal((await engine.invoke("b", "s")).error?.code, "invalid_args");
});

test("what is no usable schema is refused at registration, and nothing is fetched", () => {
  const engine = new ToolEngine();
  const schemas: [schema: unknown, message: RegExp][] = [
    [true, /not an object/],
    [{ type: "strin" }, /not a usable JSON Schema/],
    [{ pattern: "(" }, /not a usable JSON Schema/],
    [{ $ref: "http://127.0.0.1:1/schema.json" }, /can't resolve reference/],
    [{ $schema: "http://json-schema.org/draft-04/schema#" }, /\$schema is .*; known are/],
    [{ $schema: "constructor" }, /known are/],
    [{ $async: true }, /\$async/],
  ];
  for (const [schema, message] of schemas) {
    const register = () => engine.register({ id: "x", schema: schema as object }, () => 1);
    assert.throws(register, { name: "InvalidToolError", code: "invalid_tool", message });
  }
  assert.deepEqual(engine.list(), []);
});

test("arguments on which the check itself fails are refused", async () => {
  const engine = new ToolEngine();
  engine.register({ id: "deep", schema: { properties: { a: { $ref: "#" } } } }, () => 1);
  const cycle: Record<string, unknown> = {};
  cycle.a = cycle;
  const { error } = await engine.invoke("deep", cycle);
  assert.equal(error?.code, "invalid_args");
  assert.match(error?.message ?? "", /^Checking the arguments failed: /);
});
