/** `pyrunner run`: one call of one tool. Its result is on stdout, what it prints on stderr while it runs. */
import { readFileSync } from "node:fs";
import { messageOf } from "../errors.js";
import { PyRunner } from "../py-runner.js";
import { isOk } from "../run-safely.js";
import { commandLine } from "./command-line.js";
import { EXIT_TOOL_FAILED, UsageError } from "./exit.js";

const USAGE = `Usage: pyrunner run FILE [--args JSON] [--timeout MS] [--max-memory-mb MB] [--python PATH]

  FILE             Python source that defines run(args); - is stdin
  --args           the arguments, {} if absent; - is stdin
  --timeout        wall time in milliseconds; PYTHON_TIMEOUT_MS or 30000 if absent
  --max-memory-mb  memory in MiB; PYTHON_MAX_MEMORY_MB or 256 if absent
  --python         the interpreter that runs the tool; PYTHON_PATH or python3 if absent

The result is printed as JSON on stdout, what the tool prints on stderr. The exit status is 0 if the result is ok, 1 if it
is not, 2 if this command line cannot be used, 3 if the call did not reach the tool.
`;

const OPTIONS = {
  args: { type: "string", default: "{}" },
  timeout: { type: "string" },
  "max-memory-mb": { type: "string" },
  python: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;

export async function run(given: string[]): Promise<number> {
  const { values, positionals } = commandLine(
    { args: given, options: OPTIONS, allowPositionals: true },
    USAGE,
  );
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const [file, ...others] = positionals;
  if (file === undefined || others.length > 0) throw new UsageError("give one file", USAGE);
  if (file === "-" && values.args === "-") throw new UsageError("stdin is FILE or --args, not both", USAGE);
  const code = text(file);
  const args = json(values.args === "-" ? text("-") : values.args);

  const pyRunner = new PyRunner({ pythonPath: values.python });
  const print = (output: string): void => {
    process.stderr.write(output);
  };
  try {
    const { result } = await pyRunner.run({ code }, args, {
      timeout: number("--timeout", values.timeout),
      maxMemoryMB: number("--max-memory-mb", values["max-memory-mb"]),
      onStdout: print,
      onStderr: print,
    });
    process.stdout.write(`${JSON.stringify(result, undefined, process.stdout.isTTY ? 2 : undefined)}\n`);
    return isOk(result) ? 0 : EXIT_TOOL_FAILED;
  } finally {
    await pyRunner.close();
  }
}

function text(file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      readFileSync(file === "-" ? 0 : file),
    );
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${messageOf(error)}`, USAGE);
  }
}

function json(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch (error) {
    throw new UsageError(`--args is not JSON: ${messageOf(error)}`, USAGE);
  }
}

function number(option: string, value: string | undefined): number | undefined {
  if (value === undefined || /^\d+$/.test(value)) return value === undefined ? undefined : Number(value);
  throw new UsageError(`${option} takes a whole number, not ${JSON.stringify(value)}`, USAGE);
}
