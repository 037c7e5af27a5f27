/** `pyrunner attack`: the sidecar's own corpus of attacks, run on this machine. */
import { handOn } from "./hand-on.js";

export function attack(args: string[]): Promise<number> {
  return handOn(["attack", ...args]);
}
