import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import test, { type TestContext } from "node:test";
import { findSidecar } from "../src/find-sidecar.js";

/** A directory with these programs in it, gone after the test. */
function directory(t: TestContext, programs: Record<string, string> = {}): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), "pyrunner-find-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(programs)) {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
    chmodSync(file, 0o755);
  }
  return folder;
}

const NOT_INSTALLED =
  "#!/bin/sh\necho 'importlib.metadata.PackageNotFoundError: pyrunner-sidecar' >&2\nexit 1\n";
const INSTALLED = "#!/bin/sh\necho 0.1.0\n";

test("the option wins, and is taken as it is", async (t) => {
  const env = { PYRUNNER_SIDECAR: "/elsewhere" };
  const packageDir = directory(t);
  const commandLine = await findSidecar({ sidecar: ["docker", "run", "-i", "image"], env, packageDir });
  assert.deepEqual([commandLine.command, commandLine.args], ["docker", ["run", "-i", "image"]]);
  const python = await findSidecar({ sidecar: "/opt/python3.12", env, packageDir });
  assert.deepEqual([python.command, python.args], ["/opt/python3.12", ["-m", "sidecar"]]);
});

test("PYRUNNER_SIDECAR is an interpreter if its name says so, else a program", async (t) => {
  const packageDir = directory(t);
  for (const [file, args] of [
    ["/opt/bin/python", ["-m", "sidecar"]],
    ["/opt/bin/python3.11", ["-m", "sidecar"]],
    ["/opt/bin/pypy3", ["-m", "sidecar"]],
    ["/opt/bin/pyrunner-sidecar", []],
    ["/opt/bin/python-wrapper", []],
  ] as const) {
    const found = await findSidecar({ env: { PYRUNNER_SIDECAR: file }, packageDir });
    assert.deepEqual([found.command, found.args, found.origin], [file, args, "PYRUNNER_SIDECAR"]);
  }
});

test("the checkout's .venv comes next, if the sidecar's sources lie beside this package", async (t) => {
  const root = directory(t, {
    ".venv/bin/python": "",
    "sidecar/__main__.py": "",
    "ts-client/package.json": "",
  });
  const bin = directory(t, { "pyrunner-sidecar": "" });
  const found = await findSidecar({ env: { PATH: bin }, packageDir: path.join(root, "ts-client") });
  assert.deepEqual(
    [found.command, found.args, found.cwd],
    [path.join(root, ".venv/bin/python"), ["-m", "sidecar"], root],
  );
});

test("then the one that is packed with this package, before an installed one", async (t) => {
  const answer = JSON.stringify({ directory: "/cache/0.1.0", python: "3.12.4" });
  const bin = directory(t, { python3: `#!/bin/sh\necho '${answer}'\n`, "pyrunner-sidecar": "" });
  const packageDir = directory(t, { "wheelhouse/manifest.json": "{}", "wheelhouse/unpack.py": "" });
  const found = await findSidecar({ env: { PATH: bin }, packageDir });
  assert.deepEqual([found.command, found.args], [path.join(bin, "python3"), ["-I", "-S", "/cache/0.1.0"]]);
  assert.equal(found.origin, "packed with this package, run by Python 3.12.4");
});

test("then an installed pyrunner-sidecar on PATH", async (t) => {
  const bin = directory(t, { "pyrunner-sidecar": "" });
  const found = await findSidecar({ env: { PATH: bin }, packageDir: path.join(directory(t), "pyrunner") });
  assert.deepEqual([found.command, found.args], [path.join(bin, "pyrunner-sidecar"), []]);
});

test("then a Python on PATH that has the package", async (t) => {
  const bin = directory(t, { python3: NOT_INSTALLED, python: INSTALLED });
  const found = await findSidecar({ env: { PATH: bin }, packageDir: directory(t) });
  assert.deepEqual([found.command, found.args], [path.join(bin, "python"), ["-m", "sidecar"]]);
});

test("a file on PATH that is not executable, and a directory, are passed over", async (t) => {
  const bin = directory(t, { "pyrunner-sidecar": "" });
  chmodSync(path.join(bin, "pyrunner-sidecar"), 0o644);
  const alsoNot = directory(t, { "pyrunner-sidecar/file": "" });
  const other = directory(t, { "pyrunner-sidecar": "" });
  const env = { PATH: [bin, alsoNot, other].join(path.delimiter) };
  const found = await findSidecar({ env, packageDir: directory(t) });
  assert.equal(found.command, path.join(other, "pyrunner-sidecar"));
});

test("a relative entry of PATH is not searched", async (t) => {
  const packageDir = directory(t);
  await assert.rejects(findSidecar({ env: { PATH: "." }, packageDir }), { code: "sidecar_not_found" });
});

test("when nothing is found, the error lists every candidate and why it was not taken", async (t) => {
  const root = directory(t, { "pyrunner/package.json": "" });
  const bin = directory(t, { python3: NOT_INSTALLED });
  await assert.rejects(findSidecar({ env: { PATH: bin }, packageDir: path.join(root, "pyrunner") }), {
    code: "sidecar_not_found",
    message: `Failed to spawn Python process: no sidecar was found.
  - the option \`sidecar\`: not set
  - PYRUNNER_SIDECAR: not set
  - the checkout: no ${root}/.venv/bin/python, no ${root}/sidecar/__main__.py
  - packed with this package: no ${root}/pyrunner/wheelhouse
  - pyrunner-sidecar: not on PATH
  - python3: ${bin}/python3: pyrunner-sidecar is not installed
  - python: not on PATH
Put a Python 3.10 or newer on PATH, or set PYRUNNER_SIDECAR to one that has the package pyrunner-sidecar.`,
  });
});
