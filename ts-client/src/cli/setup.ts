/** `pyrunner setup`: what the first call would do anyway, ahead of it (in an image that is built), and said aloud. */
import path from "node:path";
import { sidecarEnvironment } from "../environment.js";
import { errorOf } from "../error-kinds.js";
import { findSidecar, PACKAGE_DIR } from "../find-sidecar.js";
import { packedSidecar } from "../packed-sidecar.js";
import { commandLine } from "./command-line.js";

const USAGE = `Usage: pyrunner setup [--force]

  --force  unpack again, in the place of what is there

It is unpacked into PYRUNNER_CACHE_DIR, else into pyrunner/ in XDG_CACHE_HOME or ~/.cache.
`;

const OPTIONS = { force: { type: "boolean" }, help: { type: "boolean", short: "h" } } as const;

export async function setup(args: string[]): Promise<number> {
  const { values } = commandLine({ args, options: OPTIONS }, USAGE);
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const env = sidecarEnvironment(process.env, {});
  if (values.force) {
    const packed = await packedSidecar({ env, packageDir: PACKAGE_DIR, force: true });
    if ("tried" in packed) {
      throw errorOf("sidecar_not_found", `Nothing was unpacked: ${packed.tried.join("; ")}.`);
    }
  }
  const { command, args: commandArgs, origin } = await findSidecar({ env });
  process.stdout.write(`sidecar  ${origin}\npython   ${command}\n`);
  const directory = commandArgs.find((arg) => path.isAbsolute(arg));
  if (directory !== undefined) process.stdout.write(`in       ${directory}\n`);
  return 0;
}
