/** The events that a host's bus gets, and the one way to emit them: a bus that fails does not touch the run. */
import type { IsolationReport, UsageReport, ViolationReport } from "./protocol.js";
import type { ToolFailure, ToolResult } from "./tool-result.js";

/** A host's event bus; a Node EventEmitter is one. */
export interface EventBus {
  emit(type: string, payload: object): unknown;
}

/** In every event of a ToolEngine. */
export interface InvocationIds {
  readonly toolId: string;
  /** The same for all events of one invocation. */
  readonly invocationId: string;
  /** Who asked for it, where the host said so. */
  readonly callerId?: string;
}

/** `ToolInvocationEvent`: a tool was asked for; nothing is checked yet. */
export interface ToolInvocationEvent extends InvocationIds {
  readonly args: unknown;
}

/** `ToolExecutionEvent`: one execution has ended, well or not. Without ids where no ToolEngine is at work. */
export interface ToolExecutionEvent extends Partial<UsageReport>, Partial<InvocationIds> {
  readonly type: "python" | "builtin" | "js";
  /** Wall time as the host saw it, in milliseconds: with queueing and transport. */
  readonly duration: number;
  readonly ok: boolean;
  /** The failure's code, such as `timeout`. */
  readonly code?: string;
  /** What stood around the tool. */
  readonly isolation?: IsolationReport;
  /** What the jail refused, by the worker's account; absent where there was nothing. */
  readonly violations?: readonly ViolationReport[];
}

/** `ToolResultEvent`: the tool returned a result that is no failure. */
export interface ToolResultEvent extends InvocationIds {
  readonly result: ToolResult;
  /** Milliseconds. */
  readonly duration: number;
}

/** `ToolErrorEvent`: the invocation ended with `ok: false`. */
export interface ToolErrorEvent extends InvocationIds {
  readonly error: ToolFailure;
  /** Milliseconds. */
  readonly duration: number;
}

interface Events {
  ToolInvocationEvent: ToolInvocationEvent;
  ToolExecutionEvent: ToolExecutionEvent;
  ToolResultEvent: ToolResultEvent;
  ToolErrorEvent: ToolErrorEvent;
}

/** Emit to a bus that may be absent, may throw, and may return a promise that rejects. */
export function emit<T extends keyof Events>(bus: EventBus | undefined, type: T, payload: Events[T]): void {
  try {
    // Not awaited: a slow subscriber is no part of the run.
    Promise.resolve(bus?.emit(type, payload)).catch(() => undefined);
  } catch {
    // The subscriber's own affair.
  }
}
