#!/usr/bin/env node
/**
 * `npx pyrunner COMMAND`: which command it is, and what becomes of its end. Each command is a file of its own, loaded
 * when it is asked for, and resolves with the exit status.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { messageOf, PyRunnerError } from "../errors.js";
import { PACKAGE_DIR } from "../find-sidecar.js";
import { EXIT_UNREACHED, EXIT_USAGE, UsageError } from "./exit.js";

type Command = (args: string[]) => Promise<number>;

const COMMANDS: Readonly<Record<string, { summary: string; load: () => Promise<Command> }>> = {
  doctor: {
    summary: "try what this machine can isolate, and say what is missing and how to get it",
    load: async () => (await import("./doctor.js")).doctor,
  },
  setup: {
    summary: "unpack the sidecar ahead of its first use [--force], and say where and for which Python",
    load: async () => (await import("./setup.js")).setup,
  },
  run: {
    summary: 'run one tool: run tool.py --args \'{"text": "hello"}\' (see run --help)',
    load: async () => (await import("./run.js")).run,
  },
  attack: {
    summary: "run a corpus of attacks against this machine's isolation (see attack --help)",
    load: async () => (await import("./attack.js")).attack,
  },
  playground: {
    summary: "serve a page on this machine on which a tool can be typed and run",
    load: async () => (await import("./playground.js")).playground,
  },
};

const USAGE = `Usage: pyrunner COMMAND [OPTIONS] | --version

${Object.entries(COMMANDS)
  .map(([name, { summary }]) => `  ${name.padEnd(12)}${summary}`)
  .join("\n")}
`;

async function main([name = "--help", ...args]: string[]): Promise<number> {
  if (["--help", "-h", "help"].includes(name)) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (name === "--version") {
    const { version } = JSON.parse(readFileSync(path.join(PACKAGE_DIR, "package.json"), "utf8"));
    process.stdout.write(`${version}\n`);
    return 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  try {
    if (command === undefined) throw new UsageError(`there is no command ${JSON.stringify(name)}`);
    return await (await command.load())(args);
  } catch (error) {
    if (error instanceof PyRunnerError) {
      process.stderr.write(`pyrunner: ${error.message}\n`);
      return error.code === "invalid_config" ? EXIT_USAGE : EXIT_UNREACHED;
    }
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`pyrunner: ${messageOf(error)}\n\n${error.usage ?? USAGE}`);
    return EXIT_USAGE;
  }
}

main(process.argv.slice(2)).then((status) => {
  process.exitCode = status; // Not exit(): what was written to a pipe has not been read yet.
});
