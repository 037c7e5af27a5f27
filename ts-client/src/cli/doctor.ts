/** `pyrunner doctor`: the sidecar's own report on what this machine can isolate. */
import { handOn } from "./hand-on.js";

export function doctor(args: string[]): Promise<number> {
  return handOn(["doctor", ...args]);
}
