/** `pyrunner playground`: a page on this machine, until it is interrupted. */
import { startPlayground } from "../playground/index.js";
import { commandLine } from "./command-line.js";

const USAGE = `Usage: pyrunner playground

It prints the address of a page on this machine, and serves it until Ctrl-C. Whoever has the address can run tools here.
`;

const OPTIONS = { help: { type: "boolean", short: "h" } } as const;

export async function playground(args: string[]): Promise<number> {
  const { values } = commandLine({ args, options: OPTIONS }, USAGE);
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const page = await startPlayground();
  process.stdout.write(`${page.url}\nCtrl-C ends it.\n`);
  await new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, resolve);
  });
  await page.close();
  return 0;
}
