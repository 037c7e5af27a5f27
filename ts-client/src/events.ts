/** The events that a host's bus gets, and the one way to emit them: a bus that fails does not touch the run. */
import type { IsolationReport, UsageReport, ViolationReport } from "./protocol.js";
import type { ToolFailure, ToolResult } from "./tool-result.js";

/** A host's event bus; a Node EventEmitter is one. */
export interface EventBus {
  emit(type: string, payload: object): unknown;
}

/** `ToolInvocationEvent`: a tool is about to run. */
export interface ToolInvocationEvent {
  readonly toolId: string;
  /** The same for all events of one invocation. */
  readonly invocationId: string;
  readonly args: unknown;
}

/** `ToolExecutionEvent`: one execution has ended, well or not. */
export interface ToolExecutionEvent extends Partial<UsageReport> {
  readonly type: "python" | "builtin";
  /** Wall time as the host saw it, in milliseconds: with queueing and transport. */
  readonly duration: number;
  readonly ok: boolean;
  /** The failure's code, such as `timeout`. */
  readonly code?: string;
  /** What stood around the tool. */
  readonly isolation?: IsolationReport;
  /** What the jail refused, by the worker's account; absent where there was nothing. */
  readonly violations?: readonly ViolationReport[];
  /** Absent where the runner function is not a tool of a ToolEngine. */
  readonly toolId?: string;
  readonly invocationId?: string;
}

/** `ToolResultEvent`: the tool returned a result that is no failure. */
export interface ToolResultEvent {
  readonly toolId: string;
  readonly invocationId: string;
  readonly result: ToolResult;
  /** Milliseconds. */
  readonly duration: number;
}

/** `ToolErrorEvent`: the invocation ended with `ok: false`. */
export interface ToolErrorEvent {
  readonly toolId: string;
  readonly invocationId: string;
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
