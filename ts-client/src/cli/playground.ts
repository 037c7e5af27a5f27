/** `pyrunner playground`: a page on this machine, until it is interrupted. */
import { isRecord } from "../errors.js";
import { UsageError } from "./exit.js";

/** Loaded by name, since a build without the page has no such module. */
const PLAYGROUND = "../playground/index.js";

interface Playground {
  readonly url: string;
  close(): Promise<void>;
}

export async function playground(): Promise<number> {
  const start = await load();
  const page = await start();
  process.stdout.write(`${page.url}\nCtrl-C ends it.\n`);
  await new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, resolve);
  });
  await page.close();
  return 0;
}

async function load(): Promise<() => Promise<Playground>> {
  try {
    return (await import(PLAYGROUND)).startPlayground;
  } catch (error) {
    if (!isRecord(error) || !/MODULE_NOT_FOUND$/.test(String(error.code))) throw error;
    throw new UsageError("this build of the package has no playground");
  }
}
