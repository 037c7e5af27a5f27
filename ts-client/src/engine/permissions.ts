/**
 * Who may use a tool. A tool names the permissions that it takes to call it, a caller brings those that it holds, and a
 * call without all of them is refused. What a Python tool can reach is another matter: that is the jail's, the same for
 * every caller.
 *
 * Invariant: it fails closed. No caller holds nothing, and a policy that throws has refused.
 */
import { isRecord, messageOf } from "../errors.js";
import type { RunContext } from "../run-safely.js";
import type { ToolFailure } from "../tool-result.js";
import type { RegisteredTool } from "./tool-definition.js";

/** For whom a tool is invoked: an agent, a user, another tool. */
export interface Caller {
  readonly id: string;
  /** Compared as they are; `*` is no pattern. Default: none. */
  readonly permissions?: readonly string[] | undefined;
}

/** What a host hands to a tool beside its arguments. */
export interface InvokeContext extends RunContext {
  /** Default: nobody, who holds no permission. */
  readonly caller?: Caller | undefined;
}

/** One call, before anything of it has run. */
export interface PermissionRequest {
  readonly tool: RegisteredTool;
  readonly caller: Caller | undefined;
  readonly args: unknown;
}

/**
 * A host's own policy in place of the one above, for instance one that asks a person: `true` lets the call in, and
 * anything else refuses it; a text is the reason, which the caller gets to read.
 */
export type Authorize = (request: PermissionRequest) => boolean | string | Promise<boolean | string>;

/** Why the call may not be made, or undefined. */
export async function refusal(
  request: PermissionRequest,
  authorize: Authorize | undefined,
): Promise<ToolFailure | undefined> {
  const { tool, caller } = request;
  const who = caller === undefined ? "A call without a caller" : `The caller "${caller.id}"`;
  if (authorize !== undefined) {
    const verdict = await judged(() => authorize(request));
    if (verdict === true) return undefined;
    const why = typeof verdict === "string" && verdict !== "" ? `: ${verdict}` : ".";
    return denied(`${who} may not use the tool "${tool.id}"${why}`);
  }
  const missing = (tool.permissions ?? []).filter((one) => !caller?.permissions?.includes(one));
  if (missing.length === 0) return undefined;
  const message = `${who} may not use the tool "${tool.id}": it takes ${missing.join(", ")}.`;
  return { ...denied(message), missing };
}

/** The caller that a context names; what is no caller is none. */
export function callerOf(ctx: unknown): Caller | undefined {
  const caller = isRecord(ctx) ? ctx.caller : undefined;
  if (!isRecord(caller) || typeof caller.id !== "string") return undefined;
  const { id, permissions } = caller;
  const held = Array.isArray(permissions) ? permissions.filter((one) => typeof one === "string") : [];
  return { id, permissions: held };
}

async function judged(authorize: () => unknown): Promise<unknown> {
  try {
    return await authorize();
  } catch (error) {
    return `the policy failed: ${messageOf(error)}`;
  }
}

function denied(message: string): ToolFailure {
  return { message, type: "PermissionError", code: "permission_denied" };
}
