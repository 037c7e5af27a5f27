/** `pyrunner playground`: a page on this machine, until it is interrupted. */
import { startPlayground } from "../playground/index.js";

export async function playground(): Promise<number> {
  const page = await startPlayground();
  process.stdout.write(`${page.url}\nCtrl-C ends it.\n`);
  await new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, resolve);
  });
  await page.close();
  return 0;
}
