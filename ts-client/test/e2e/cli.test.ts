import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import { PACKAGE_DIR } from "../host-package.js";

const MAIN = path.join(PACKAGE_DIR, "dist", "cli", "main.js");
const COMMAND_WAIT_MS = 60_000;

let folder = "";
test.before(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "pyrunner-cli-"));
});
test.after(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const written = path.join(folder, name);
  writeFileSync(written, content);
  return written;
}

interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Run `pyrunner` with a command line, and with this on its stdin. */
function pyrunner(args: string[], stdin = "", env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...args], {
      env: { ...process.env, ...env },
      timeout: COMMAND_WAIT_MS,
    });
    const ended: Ended = { status: null, stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (text: string) => {
        ended[name] += text;
      });
    }
    child.once("error", reject);
    child.once("close", (status) => resolve({ ...ended, status }));
    child.stdin.on("error", () => undefined); // It may not want any.
    child.stdin.end(stdin);
  });
}

const SQUARE =
  "import sys\ndef run(args):\n    print('out')\n    print('err', file=sys.stderr)\n    return args['n'] ** 2\n";

test("run: the result is on stdout, what the tool prints on stderr, and the status is 0", async () => {
  const { status, stdout, stderr } = await pyrunner([
    "run",
    file("square.py", SQUARE),
    "--args",
    '{"n": 12}',
  ]);
  assert.deepEqual([status, JSON.parse(stdout)], [0, { ok: true, data: 144 }]);
  assert.deepEqual(stderr.trim().split("\n").sort(), ["err", "out"]);
});

test("run: the tool, or its arguments, may come from stdin", async () => {
  const tool = await pyrunner(["run", "-", "--args", '{"n": 3}'], SQUARE);
  assert.deepEqual([tool.status, JSON.parse(tool.stdout)], [0, { ok: true, data: 9 }]);
  const args = await pyrunner(["run", file("same.py", SQUARE), "--args", "-"], '{"n": 4}');
  assert.deepEqual([args.status, JSON.parse(args.stdout)], [0, { ok: true, data: 16 }]);
});

test("run: a tool that fails is a result, and status 1", async () => {
  const slow = file("slow.py", "def run(args):\n    while True: pass\n");
  const { status, stdout } = await pyrunner(["run", slow, "--timeout", "200"]);
  assert.deepEqual([status, JSON.parse(stdout).error.code], [1, "timeout"]);
});

test("run: a call that does not reach the tool is status 3, with nothing on stdout", async () => {
  const tool = file("unreached.py", SQUARE);
  const { status, stdout, stderr } = await pyrunner(["run", tool, "--python", "/nowhere/python3"]);
  assert.deepEqual([status, stdout], [3, ""]);
  assert.match(stderr, /Failed to spawn Python process/);
  const none = await pyrunner(["run", tool], "", { PYRUNNER_SIDECAR: "/nowhere/sidecar" });
  assert.deepEqual([none.status, none.stdout], [3, ""]);
  assert.match(none.stderr, /\/nowhere\/sidecar \(PYRUNNER_SIDECAR\) could not be started/);
});

test("a command line that cannot be used is status 2, and says what is wrong with it", async () => {
  const tool = file("tool.py", SQUARE);
  for (const [args, complaint] of [
    [["fly"], /there is no command "fly"/],
    [["toString"], /there is no command "toString"/],
    [["run"], /give one file/],
    [["run", tool, tool], /give one file/],
    [["run", "/nowhere/tool.py"], /\/nowhere\/tool\.py cannot be read: ENOENT/],
    [["run", file("latin.py", Buffer.from([0x23, 0xe9]))], /latin\.py cannot be read: .*not valid/],
    [["run", tool, "--args", "{'n': 1}"], /--args is not JSON/],
    [["run", tool, "--timeout", "5s"], /--timeout takes a whole number, not "5s"/],
    [["run", tool, "--timeout", "0"], /timeout=0 is not valid/],
    [["run", tool, "--fast"], /Unknown option '--fast'/],
    [["setup", "--fast"], /Unknown option '--fast'/],
    [["playground", "--fast"], /Unknown option '--fast'/],
  ] as const) {
    const { status, stdout, stderr } = await pyrunner([...args]);
    assert.deepEqual([status, stdout], [2, ""], args.join(" "));
    assert.match(stderr, complaint);
  }
});

test("without a command, the commands are listed", async () => {
  const { status, stdout } = await pyrunner([]);
  assert.equal(status, 0);
  for (const name of ["doctor", "setup", "run", "attack", "playground"]) {
    assert.match(stdout, new RegExp(`^  ${name} `, "m"));
  }
});

test("a command says how it is used, and does nothing else then", async () => {
  for (const name of ["run", "setup", "playground"]) {
    const { status, stdout, stderr } = await pyrunner([name, "--help"]);
    assert.deepEqual([status, stderr], [0, ""], name);
    assert.match(stdout, new RegExp(`^Usage: pyrunner ${name}`));
  }
});

test("--version is the package's", async () => {
  const { version } = JSON.parse(readFileSync(path.join(PACKAGE_DIR, "package.json"), "utf8"));
  const { status, stdout } = await pyrunner(["--version"]);
  assert.deepEqual([status, stdout], [0, `${version}\n`]);
});

test("setup says which sidecar will be started, and with which Python", async () => {
  const { status, stdout } = await pyrunner(["setup"], "", { PYRUNNER_SIDECAR: "/opt/bin/python3.12" });
  assert.deepEqual([status, stdout], [0, "sidecar  PYRUNNER_SIDECAR\npython   /opt/bin/python3.12\n"]);
});

test("doctor and attack are the sidecar's own, with their arguments and their status", async () => {
  const doctor = await pyrunner(["doctor"]);
  assert.equal(doctor.status, 0, doctor.stdout);
  assert.match(doctor.stdout, /\d+ checks, all held/);
  const attack = await pyrunner(["attack", "--without", "nothing-of-that-name"]);
  assert.notEqual(attack.status, 0);
  assert.match(attack.stdout + attack.stderr, /nothing-of-that-name/);
});
