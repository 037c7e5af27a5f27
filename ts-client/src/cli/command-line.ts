/** A command's own options, read by Node; what they do not know is a `UsageError` with the command's usage. */
import { type ParseArgsConfig, parseArgs } from "node:util";
import { messageOf } from "../errors.js";
import { UsageError } from "./exit.js";

export function commandLine<const T extends ParseArgsConfig>(
  config: T,
  usage: string,
): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    throw new UsageError(messageOf(error), usage);
  }
}
