/** Which file a program's name means, by `PATH`. */
import { accessSync, constants, statSync } from "node:fs";
import path from "node:path";
import type { Environment } from "./environment.js";

const IS_WINDOWS = process.platform === "win32";

/** The first program of that name, or undefined. */
export function onPath(name: string, env: Environment): string | undefined {
  const extensions = IS_WINDOWS ? (env.PATHEXT ?? ".EXE").split(";") : [""];
  return (env.PATH ?? "")
    .split(path.delimiter)
    .filter((folder) => path.isAbsolute(folder)) // A relative entry would let the current directory choose the program.
    .flatMap((folder) => extensions.map((extension) => path.join(folder, name + extension)))
    .find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile(); // A directory has the permission as well.
  } catch {
    return false;
  }
}
