/** Every promise and every example of the host's document, against the real sidecar. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import test, { type TestContext } from "node:test";
import { PyRunner, type PyRunnerOptions, type ToolResult } from "../../src/index.js";
import { codeUnder, DOCUMENT } from "./document.js";
import { compile, runSnippet, SNIPPETS, writeSnippet } from "./snippets.js";

/** One runner for the tests that need no options of their own. */
const shared = new PyRunner();
test.after(() => shared.close());

function run(code: string, args: object = {}): Promise<ToolResult> {
  return shared.createRunner(code)(args);
}

function runnerWith(t: TestContext, options: PyRunnerOptions): PyRunner {
  const runner = new PyRunner(options);
  t.after(() => runner.close());
  return runner;
}

test("the copy of the document is the document, byte for byte", () => {
  const sha256 = createHash("sha256").update(readFileSync(DOCUMENT)).digest("hex");
  assert.equal(sha256, "b4043f57e170b72e07b4d989bd25e58f62c1606367be8d2f78c70365dd441e53");
});

test("the TypeScript snippets compile under strict", () => {
  compile(SNIPPETS.map(writeSnippet));
});

test("Registration: the tool counts words, and arguments that do not fit the schema are refused", async (t) => {
  const { toolEngine, eventBus } = await runSnippet("Реєстрація Python Tool");
  toolEngine.pyRunner = shared;
  const event = once(eventBus, "ToolExecutionEvent", { signal: t.signal });
  assert.deepEqual(await toolEngine.invoke("text-processor", { text: "один two três" }), {
    ok: true,
    data: { wordCount: 3 },
  });
  const [{ type, ok, toolId }] = await event;
  assert.deepEqual({ type, ok, toolId }, { type: "python", ok: true, toolId: "text-processor" });
  const { ok: fits, error } = await toolEngine.invoke("text-processor", {});
  assert.deepEqual([fits, error?.code], [false, "invalid_args"]);
});

test("Tool function example: words, or a failure of its own", async () => {
  const [code] = codeUnder("Приклад Tool Function", "python");
  assert.deepEqual(await run(code, { text: " a b " }), {
    ok: true,
    data: { wordCount: 2, words: ["a", "b"] },
  });
  assert.deepEqual(await run(code), { ok: false, error: { message: "Missing parameter: text" } });
});

test("Response format: both dictionaries pass through as they are, other values are wrapped", async () => {
  const [, wrapped = ""] = codeUnder("Формат Відповіді", "python");
  assert.deepEqual(await run(`def run(args):\n    ${wrapped}`), { ok: true, data: "some value" });
  const failure = '{"ok": False, "error": {"message": "...", "type": "ErrorType"}}';
  assert.deepEqual(await run(`def run(args): return ${failure}`), {
    ok: false,
    error: { message: "...", type: "ErrorType" },
  });
  for (const [value, data] of [
    ["None", null],
    ["[1, 2]", [1, 2]],
    ["{'a': 1}", { a: 1 }],
    ["False", false],
  ] as const) {
    assert.deepEqual(await run(`def run(args): return ${value}`), { ok: true, data });
  }
});

test("Limits: 30 seconds and 256 MB by default, and a process of its own for each call", async () => {
  const { timeout, maxMemoryMB } = shared.config;
  assert.deepEqual({ timeout, maxMemoryMB }, { timeout: 30_000, maxMemoryMB: 256 });
  const code = "seen = []\ndef run(args):\n    seen.append(1)\n    return len(seen)";
  assert.deepEqual(await Promise.all([run(code), run(code)]), Array(2).fill({ ok: true, data: 1 }));
});

test("Access: the standard library, JSON and temporary files; no other files, no network", async () => {
  const works = [
    "import sqlite3, decimal, zoneinfo, asyncio; return str(decimal.Decimal('0.1') * 3)",
    "open('note.txt', 'w').write('x'); return open('note.txt').read()",
    "import tempfile; f = tempfile.TemporaryFile(); f.write(b'x'); return f.tell()",
  ];
  for (const body of works) assert.equal((await run(`def run(args):\n    ${body}`)).ok, true, body);
  const refused = [
    "return open('/etc/passwd').read()",
    "return open('/tmp/../written-by-a-tool', 'w')",
    "import socket; return socket.create_connection(('127.0.0.1', 1))",
    "import urllib.request; return urllib.request.urlopen('http://127.0.0.1:1')",
  ];
  for (const body of refused) {
    const { ok, error } = await run(`def run(args):\n    ${body}`);
    assert.deepEqual([ok, error?.code], [false, "tool_error"], body);
  }
});

test("Runner configuration: every option counts, and the engine uses the runner that was set", async (t) => {
  const { pyRunner, toolEngine } = await runSnippet("Конфігурація Runner");
  t.after(() => pyRunner.close());
  assert.deepEqual(pyRunner.config, {
    pythonPath: "python3",
    timeout: 60_000,
    maxMemoryMB: 512,
    workingDir: "/tmp/arium-py",
  });
  assert.equal(toolEngine.pyRunner, pyRunner);
  toolEngine.register({ id: "big", runner: "py" }, "def run(args): return len(bytearray(300 * 1024 * 1024))");
  assert.deepEqual(await toolEngine.invoke("big"), { ok: true, data: 300 * 1024 * 1024 });
});

test("Environment variables: they are the defaults, and a malformed one is named", async (t) => {
  const [block] = codeUnder("Environment Variables", "env");
  const env = Object.fromEntries(
    block
      .trim()
      .split("\n")
      .map((line) => line.split("=") as [string, string]),
  );
  const { pythonPath, timeout, maxMemoryMB } = runnerWith(t, { env }).config;
  assert.deepEqual(
    { pythonPath, timeout, maxMemoryMB },
    { pythonPath: "python3", timeout: 30_000, maxMemoryMB: 256 },
  );

  const hasty = runnerWith(t, { env: { ...env, PYTHON_TIMEOUT_MS: "300" } });
  const { error } = await hasty.createRunner("def run(args):\n    while True: pass")();
  assert.equal(error?.code, "timeout");

  const wrong = runnerWith(t, { env: { ...env, PYTHON_MAX_MEMORY_MB: "plenty" } });
  assert.match(
    (await wrong.createRunner("def run(args): pass")()).error?.message ?? "",
    /PYTHON_MAX_MEMORY_MB="plenty"/,
  );
});

test("Error handling: the pattern reports a ValueError, and any other exception, as a result", async () => {
  const [code] = codeUnder("Обробка Помилок", "python");
  assert.deepEqual(await run(code), {
    ok: false,
    error: { message: "Unexpected error: name 'process_data' is not defined", type: "NameError" },
  });
  const raising = `def process_data(args):\n    raise ValueError("not that")\n\n${code}`;
  assert.deepEqual(await run(raising), { ok: false, error: { message: "not that", type: "ValueError" } });
  const working = `def process_data(args):\n    return args["n"] * 2\n\n${code}`;
  assert.deepEqual(await run(working, { n: 21 }), { ok: true, data: 42 });
});

const examples: [heading: string, args: object, expected: ToolResult][] = [
  [
    "Text Analyzer",
    { text: "Ab c" },
    { ok: true, data: { length: 4, wordCount: 2, charCount: 3, uppercase: "AB C", lowercase: "ab c" } },
  ],
  ["List Processor", { items: [1, 2, 3] }, { ok: true, data: { result: 6 } }],
  ["List Processor", { items: [1, 2, 3], operation: "max" }, { ok: true, data: { result: 3 } }],
  ["List Processor", { items: [1, 2, 3], operation: "min" }, { ok: true, data: { result: 1 } }],
  ["List Processor", { operation: "avg" }, { ok: false, error: { message: "Unknown operation: avg" } }],
  [
    "Data Validator",
    { email: "a@b.org" },
    { ok: true, data: { email: "a@b.org", valid: true, message: "Valid email" } },
  ],
  [
    "Data Validator",
    { email: "a@b" },
    { ok: true, data: { email: "a@b", valid: false, message: "Invalid email" } },
  ],
  ["Mathematical Operations", { operation: "add", a: 1, b: 2 }, { ok: true, data: { result: 3 } }],
  ["Mathematical Operations", { operation: "power", a: 2, b: 8 }, { ok: true, data: { result: 256 } }],
  ["Mathematical Operations", { operation: "sqrt", a: 16 }, { ok: true, data: { result: 4 } }],
  [
    "Mathematical Operations",
    { operation: "log" },
    { ok: false, error: { message: "Unknown operation: log" } },
  ],
];
for (const [heading, args, expected] of examples) {
  test(`Example ${heading}: ${JSON.stringify(args)}`, async () => {
    assert.deepEqual(await run(codeUnder(heading, "python")[0], args), expected);
  });
}

test("Example with an exception that the tool does not catch: a result that says which and where", async () => {
  const [code] = codeUnder("Mathematical Operations", "python");
  const { ok, error } = await run(code, { operation: "sqrt", a: -1 });
  assert.deepEqual([ok, error?.code, error?.type], [false, "tool_error", "ValueError"]);
  const line = code.split("\n").findIndex((text) => text.includes("math.sqrt")) + 1;
  assert.equal(error?.line, line);
});

test("Best practices: each fragment does what it says, inside a tool", async () => {
  const inTool = (fragment: string, before = ""): string =>
    `def run(args):\n${`${before}${fragment}`.replace(/^(?=.)/gm, "    ")}`;
  const [check] = codeUnder("Завжди перевіряй аргументи", "python");
  assert.deepEqual(await run(inTool(check)), { ok: false, error: { message: "Missing param" } });
  const [standard] = codeUnder("Повертай стандартний формат", "python");
  assert.deepEqual(await run(inTool(standard, "result = 7\n")), { ok: true, data: 7 });
  const [handled] = codeUnder("Обробляй помилки", "python");
  const withLogic = handled.replace("# logic", "raise KeyError('k')  # logic");
  assert.deepEqual(await run(inTool(withLogic)), { ok: false, error: { message: "'k'" } });
  for (const heading of ["Використовуй type hints (опціонально)", "Документуй функцію"]) {
    assert.deepEqual(await run(codeUnder(heading, "python")[0]), { ok: true, data: null });
  }
});

test("Troubleshooting, Python not found: the error says what was tried, and a right path helps", async (t) => {
  const lost = runnerWith(t, { pythonPath: "/nonexistent/python3" });
  const { ok, error } = await lost.createRunner("def run(args): return 1")();
  assert.deepEqual([ok, error?.code], [false, "interpreter_not_found"]);
  assert.match(error?.message ?? "", /^Failed to spawn Python process: [\s\S]*\/nonexistent\/python3/);

  const { pyRunner } = await runSnippet("Python Not Found");
  t.after(() => pyRunner.close());
  if (!existsSync(pyRunner.config.pythonPath))
    return t.skip(`${pyRunner.config.pythonPath} is not on this machine`);
  assert.deepEqual(await pyRunner.createRunner("def run(args): return 1")(), { ok: true, data: 1 });
});

test("Troubleshooting, timeout: a tool that takes too long is ended, and a longer timeout helps", async (t) => {
  const code =
    "import time\ndef run(args):\n    print('started', flush=True)\n    time.sleep(0.8)\n    return 'done'";
  const hasty = runnerWith(t, { timeout: 400 });
  const { result, stdout } = await hasty.run({ code });
  assert.deepEqual([result.ok, result.error?.type, result.error?.code], [false, "TimeoutError", "timeout"]);
  assert.equal(stdout, "started\n");

  const { pyRunner } = await runSnippet("Timeout Error");
  t.after(() => pyRunner.close());
  assert.deepEqual(await pyRunner.createRunner(code)(), { ok: true, data: "done" });
});

test("Troubleshooting, memory: a tool that needs too much is ended, and a higher limit helps", async (t) => {
  const code = "def run(args): return len(bytearray(300 * 1024 * 1024))";
  const { ok, error } = await run(code);
  assert.deepEqual([ok, error?.type, error?.code], [false, "MemoryError", "memory_limit"]);

  const { pyRunner } = await runSnippet("Memory Error");
  t.after(() => pyRunner.close());
  assert.equal((await pyRunner.createRunner(code)()).ok, true);
});

test("Troubleshooting, imports: the standard library works, third-party modules do not, and the hint says so", async () => {
  const [block] = codeUnder("Import Error", "python");
  const [works = "", fails = ""] = block.split("\n\n");
  assert.deepEqual(await run(`${works}\ndef run(args): return math.sqrt(4)`), { ok: true, data: 2 });
  for (const line of fails.split("\n").filter((text) => text.startsWith("import"))) {
    const { ok, error } = await run(`${line}\ndef run(args): return 1`);
    assert.deepEqual([ok, error?.type, error?.code], [false, "ModuleNotFoundError", "tool_error"]);
    assert.match(error?.hint ?? "", /standard library/);
  }
});
