/** What the exit status of a command says; 0 is success. */

/** The tool ran, or was checked, and failed: its result says why. */
export const EXIT_TOOL_FAILED = 1;
/** The command line cannot be understood, or names what is not there. */
export const EXIT_USAGE = 2;
/** The call did not reach the tool: there is no sidecar, or it refused. */
export const EXIT_UNREACHED = 3;

/** The command line is at fault. `usage` is that of the command, where it has one of its own. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly usage: string | undefined;

  constructor(message: string, usage?: string) {
    super(message);
    this.usage = usage;
  }
}
