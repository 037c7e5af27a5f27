import assert from "node:assert/strict";
import path from "node:path";
import test from "node:test";
import { sidecarEnvironment } from "../src/environment.js";

test("the host's secrets stay with the host, and what it adds is on top", () => {
  const host = {
    PATH: "/bin",
    AWS_SECRET_ACCESS_KEY: "x",
    PYTHONPATH: "/x",
    PYRUNNER_LOG: "debug",
    LC_ALL: "C",
  };
  assert.deepEqual(sidecarEnvironment(host, { LC_ALL: undefined, MORE: "1" }), {
    PATH: "/bin",
    PYRUNNER_LOG: "debug",
    MORE: "1",
  });
});

test("a relative path is the host's, since the sidecar starts in another directory", () => {
  const here = (relative: string): string => path.resolve(relative);
  for (const [name, given, meant] of [
    ["PYTHON_PATH", "venv/bin/python", here("venv/bin/python")],
    ["PYTHON_PATH", "./python3", here("python3")],
    ["PYTHON_PATH", "python3.12", "python3.12"],
    ["PYTHON_PATH", "/usr/lib:lib/python", "/usr/lib:lib/python"],
    ["PYTHON_PATH", "C:\\Python39\\python.exe", "C:\\Python39\\python.exe"],
    ["PYRUNNER_CACHE_DIR", "cache", here("cache")],
    ["PYRUNNER_CACHE_DIR", "", ""],
  ] as const) {
    assert.deepEqual(sidecarEnvironment({ [name]: given }, {}), { [name]: meant });
    assert.deepEqual(sidecarEnvironment({}, { [name]: given }), { [name]: meant });
  }
});
