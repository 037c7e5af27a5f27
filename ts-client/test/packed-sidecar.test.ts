import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import test, { type TestContext } from "node:test";
import { packedSidecar } from "../src/packed-sidecar.js";

const answer = (python: string): string =>
  `echo '${JSON.stringify({ directory: `/cache/${python}`, python, unpacked: true })}'`;
const refusal = (text: string): string => `echo '${text}' >&2; exit 1`;

/** A package with a wheelhouse, and a PATH with these shell scripts on it; gone after the test. */
function machine(t: TestContext, programs: Record<string, string>) {
  const folder = mkdtempSync(path.join(os.tmpdir(), "pyrunner-packed-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const name of ["wheelhouse", "bin"]) mkdirSync(path.join(folder, name));
  for (const file of ["manifest.json", "unpack.py"]) writeFileSync(path.join(folder, "wheelhouse", file), "");
  const bin = path.join(folder, "bin");
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(path.join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(path.join(bin, name), 0o755);
  }
  return { bin, packageDir: folder, env: { PATH: bin } };
}

test("the first Python that can have the sidecar is taken, isolated from the user's packages", async (t) => {
  const { bin, ...options } = machine(t, {
    python3: refusal("Python 3.9 is too old, the sidecar needs 3.10 or newer"),
    "python3.12": answer("3.12.4"),
    "python3.11": answer("3.11.9"),
  });
  assert.deepEqual(await packedSidecar(options), {
    command: path.join(bin, "python3.12"),
    args: ["-I", "-S", "/cache/3.12.4"],
    directory: "/cache/3.12.4",
    python: "3.12.4",
  });
});

test("the tools' interpreter comes first if the host named one, by name or by path", async (t) => {
  const { bin, packageDir, env } = machine(t, { python3: answer("3.11.9"), mine: answer("3.13.1") });
  for (const PYTHON_PATH of ["mine", path.join(bin, "mine")]) {
    const packed = await packedSidecar({ env: { ...env, PYTHON_PATH }, packageDir });
    assert.equal("python" in packed && packed.python, "3.13.1");
  }
});

test("where no Python can have it, each is named with its own reason", async (t) => {
  const { bin, ...options } = machine(t, {
    python3: refusal("no packed wheels for cp315 on x86_64"),
    "python3.10": "echo surprise",
    python: "exit 7",
  });
  const packed = await packedSidecar(options);
  assert.ok("tried" in packed);
  assert.deepEqual(packed.tried.slice(0, 2), [
    `${bin}/python3: no packed wheels for cp315 on x86_64`,
    `${bin}/python3.10: it did not answer like a Python`,
  ]);
  assert.match(packed.tried[2] ?? "", /\/python: Command failed/);
});

test("without any Python, and without a wheelhouse, the reason says so", async (t) => {
  const { packageDir, env } = machine(t, {});
  assert.deepEqual(await packedSidecar({ env, packageDir }), { tried: ["no python3 on PATH"] });
  const elsewhere = path.join(packageDir, "bin");
  assert.deepEqual(await packedSidecar({ env, packageDir: elsewhere }), {
    tried: [`no ${elsewhere}/wheelhouse`],
  });
});
