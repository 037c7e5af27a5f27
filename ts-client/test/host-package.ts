/** A host's package in `fixtures/host`, with this package among its node_modules. */
import { mkdirSync, symlinkSync } from "node:fs";
import path from "node:path";
import { isRecord } from "../src/errors.js";

export const PACKAGE_DIR = path.dirname(__dirname);
export const HOST_DIR = path.join(__dirname, "fixtures", "host");

/** A file among our own development dependencies. */
export const tool = (file: string): string => path.join(PACKAGE_DIR, "node_modules", file);

/** Install this package into the host's; several test files may do so at the same time. */
export function linkPackage(): void {
  const link = path.join(HOST_DIR, "node_modules", "pyrunner");
  mkdirSync(path.dirname(link), { recursive: true });
  try {
    symlinkSync(path.relative(path.dirname(link), PACKAGE_DIR), link, "dir");
  } catch (error) {
    if (!isRecord(error) || error.code !== "EEXIST") throw error;
  }
}
