/** The TypeScript of both READMEs and of the engine's guide: it compiles under strict, runs, ends by itself, and gives what its comments say. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import test from "node:test";
import { runInNewContext } from "node:vm";
import { isRecord } from "../../src/errors.js";
import { HOST_DIR, PACKAGE_DIR, tool } from "../host-package.js";
import { codeUnder } from "./document.js";
import { compile, writeProgram } from "./snippets.js";

const RUN_WAIT_MS = 60_000;
/** Begins the lines that `program` adds to the output. */
const MARK = "@value ";
/** A statement that awaits one value, on one line, and a comment with the value. */
const COMMENTED = /^(console\.log\()?await (.+?)(\))?; \/\/ (\{.*\})$/;

/** The snippet, which also prints each value that it awaits and says in a comment; and what the comments say. */
function program(code: string): { text: string; expected: string[] } {
  const expected: string[] = [];
  const lines = code.split("\n").map((line) => {
    const [, isPrinted, , , comment] = COMMENTED.exec(line) ?? [];
    if (comment === undefined) return line;
    expected.push(comment);
    const awaited = line.slice(0, -`; // ${comment}`.length);
    const value = isPrinted === undefined ? awaited : awaited.slice("console.log(".length, -1);
    return `console.log(${JSON.stringify(MARK)} + JSON.stringify(${value})); // ${comment}`;
  });
  const hasImport = /from "pyrunner/.test(code);
  const header = hasImport ? [] : ['import { PyRunner, ToolEngine } from "pyrunner";'];
  return { text: [...header, ...lines].join("\n"), expected };
}

/** Everything that the comment names is there; `...` in it stands for anything. */
function assertHas(actual: unknown, expected: unknown, where = "the value"): void {
  if (expected === undefined) return;
  if (isRecord(expected)) {
    assert.ok(isRecord(actual), where);
    for (const [name, value] of Object.entries(expected)) assertHas(actual[name], value, `${where}.${name}`);
  } else assert.equal(JSON.stringify(actual), JSON.stringify(expected), where);
}

const ENGINE_GUIDE = path.join(PACKAGE_DIR, "..", "docs", "engine.md");
const READMES: [name: string, file: string, heading: string][] = [
  ["the repository's README", path.join(PACKAGE_DIR, "..", "README.md"), "From TypeScript"],
  ["the package's README", path.join(PACKAGE_DIR, "README.md"), "pyrunner"],
  ["the package's README on traces", path.join(PACKAGE_DIR, "README.md"), "Traces"],
  ...["A function for each tool", "Tools by id", "The engine that is here"].map(
    (heading): [string, string, string] => [`docs/engine.md, "${heading}"`, ENGINE_GUIDE, heading],
  ),
];
for (const [index, [name, file, heading]] of READMES.entries()) {
  test(`the snippet in ${name} compiles, runs, ends by itself, and gives what its comments say`, () => {
    const { text, expected } = program(codeUnder(heading, "ts", file).join(""));
    const written = writeProgram(`readme-${index}`, text);
    compile([written]);
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["--import", tool("tsx/dist/loader.mjs"), written],
      {
        cwd: HOST_DIR,
        env: { ...process.env, NODE_TEST_CONTEXT: undefined },
        timeout: RUN_WAIT_MS,
        encoding: "utf8",
      },
    );
    assert.equal(status, 0, `${stdout}\n${stderr}`);
    assert.equal(stderr, "");
    const values = stdout.split("\n").filter((line) => line.startsWith(MARK));
    assert.equal(values.length, expected.length);
    for (const [at, comment] of expected.entries()) {
      const literal = comment
        .replaceAll(/\[\.\.\.\]|\{ ?\.\.\. ?\}/g, "undefined")
        .replaceAll(/, \.\.\./g, "");
      assertHas(JSON.parse(values[at]?.slice(MARK.length) ?? ""), runInNewContext(`(${literal})`), comment);
    }
  });
}
