import assert from "node:assert/strict";
import path from "node:path";
import test from "node:test";
import { resolveConfig, wireLimits } from "../src/options.js";

test("the defaults are those of the document", () => {
  assert.deepEqual(resolveConfig({}, {}), {
    pythonPath: "python3",
    timeout: 30_000,
    maxMemoryMB: 256,
    workingDir: undefined,
  });
});

test("the environment wins over the defaults, and an explicit option over the environment", () => {
  const env = { PYTHON_PATH: "python3.9", PYTHON_TIMEOUT_MS: "1000", PYTHON_MAX_MEMORY_MB: "64" };
  assert.equal(resolveConfig({}, { PYRUNNER_MIN_ISOLATION: "process" }).minIsolation, "process");
  const { pythonPath, timeout, maxMemoryMB } = resolveConfig({}, env);
  assert.deepEqual([pythonPath, timeout, maxMemoryMB], ["python3.9", 1000, 64]);
  const explicit = resolveConfig({ pythonPath: "/usr/bin/python3", timeout: 5, maxMemoryMB: 128 }, env);
  assert.deepEqual(
    [explicit.pythonPath, explicit.timeout, explicit.maxMemoryMB],
    ["/usr/bin/python3", 5, 128],
  );
});

test("an empty variable counts as not set", () => {
  const env = { PYTHON_PATH: "", PYTHON_TIMEOUT_MS: "", PYTHON_MAX_MEMORY_MB: "" };
  assert.deepEqual(resolveConfig({}, env), resolveConfig({}, {}));
});

test("timeoutMs and maxMemoryMb are other spellings, and may not contradict", () => {
  assert.deepEqual(wireLimits({ timeoutMs: 10, maxMemoryMb: 99 }), { timeout: 10, maxMemoryMB: 99 });
  assert.deepEqual(wireLimits({ timeout: 10, timeoutMs: 10 }), { timeout: 10 });
  assert.throws(() => wireLimits({ timeout: 1, timeoutMs: 2 }), { code: "invalid_config" });
});

test("a relative path is resolved against the host's directory, a bare name is left to PATH", () => {
  assert.equal(wireLimits({ pythonPath: "./venv/bin/python" }).pythonPath, path.resolve("venv/bin/python"));
  assert.equal(wireLimits({ pythonPath: "python3.12" }).pythonPath, "python3.12");
  assert.equal(wireLimits({ pythonPath: "C:\\Python39\\python.exe" }).pythonPath, "C:\\Python39\\python.exe");
  assert.equal(wireLimits({ workingDir: "scratch" }).workingDir, path.resolve("scratch"));
});

const malformed: Record<string, string>[] = [
  ...["soon", "-1", "0", "1.5", "1e3", " 5", "0x10", "99999999999", "٣"].map((value) => ({
    PYTHON_TIMEOUT_MS: value,
  })),
  ...["lots", "7", "256MB"].map((value) => ({ PYTHON_MAX_MEMORY_MB: value })),
  ...["none", "STRICT", "strict,process"].map((value) => ({ PYRUNNER_MIN_ISOLATION: value })),
  ...["/usr/lib:/opt/lib", "/tmp"].map((value) => ({ PYTHON_PATH: value })),
];
for (const env of malformed) {
  const [[name = "", value = ""] = []] = Object.entries(env);
  test(`${name}=${value} is refused by name`, () => {
    assert.throws(() => resolveConfig({}, env), {
      code: "invalid_config",
      message: new RegExp(`^${name}=${JSON.stringify(value)} is not valid: expected `),
      data: { name },
    });
  });
}

test("an option of the wrong kind is refused by name", () => {
  for (const [name, value] of [
    ["timeout", Number.NaN],
    ["timeout", "60000"],
    ["maxMemoryMB", 1],
    ["minIsolation", "none"],
    ["pythonPath", ""],
    ["workingDir", 7],
  ]) {
    assert.throws(() => wireLimits({ [name as string]: value }), {
      message: new RegExp(`^${name}=`),
    });
  }
});
