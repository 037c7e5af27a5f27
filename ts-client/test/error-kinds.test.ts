import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import * as kinds from "../src/error-kinds.js";
import { PyRunnerError } from "../src/errors.js";
import * as index from "../src/index.js";

/** The table that both languages read. */
const CONTRACT = path.join(__dirname, "..", "..", "tests", "contract", "errors.json");

test("each kind of error is a class of its own, with its code, name, cause and base", () => {
  const classes = Object.values(kinds).filter(
    (each) => typeof each === "function" && each.prototype instanceof PyRunnerError,
  ) as (new (
    message: string,
    details?: object,
  ) => PyRunnerError)[];
  assert.ok(classes.length > 10);
  for (const Kind of classes) {
    const cause = new Error("why");
    const error = new Kind("no", { cause });
    assert.deepEqual([error.name, error.message, error.cause], [Kind.name, "no", cause]);
    assert.ok(error instanceof PyRunnerError && error instanceof Error);
    assert.ok(kinds.errorOf(error.code as kinds.ErrorKind, "no") instanceof Kind, error.code);
    assert.equal((index as Record<string, unknown>)[Kind.name], Kind, `index exports ${Kind.name}`);
  }
});

test("every kind on the wire that a host can act on has a class, and any other kind is the base class", () => {
  const table = Object.entries<string>(JSON.parse(readFileSync(CONTRACT, "utf8")).kinds);
  assert.ok(table.length > 5);
  for (const [code, kind] of table) {
    const error = kinds.errorFromWire(Number(code), "no", { kind, line: 3 });
    assert.deepEqual([error.code, error.rpcCode, error.data], [kind, Number(code), { line: 3 }]);
    assert.notEqual(error.constructor, PyRunnerError, kind);
  }
  const later = kinds.errorFromWire(-32099, "no", { kind: "constructor" });
  assert.deepEqual([later.constructor, later.code], [PyRunnerError, "constructor"]);
  assert.equal(kinds.errorFromWire(-32800, "no", undefined).constructor, kinds.CancelledError);
});

test("an error is retryable where the sidecar says that no part of the call ran", () => {
  const isRetryable = (data: object): boolean => kinds.errorFromWire(-32603, "no", data).isRetryable;
  assert.equal(isRetryable({ kind: "queue_full", retryAfterMs: 5 }), true);
  assert.equal(isRetryable({ kind: "internal_error", retryable: true }), true);
  assert.equal(isRetryable({ kind: "internal_error", retryable: false, mayHaveRun: true }), false);
  assert.equal(isRetryable({ kind: "invalid_params" }), false);
});
