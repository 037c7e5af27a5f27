/** The public surface; `index.mts` repeats these names for `import`, over this same module. */

export type { BuiltinTool } from "./engine/host-tool.js";
export type { Authorize, Caller, InvokeContext, PermissionRequest } from "./engine/permissions.js";
export type { RegisteredTool, ToolDefinition } from "./engine/tool-definition.js";
export {
  type PythonRunner,
  type ScriptRunner,
  ToolEngine,
  type ToolEngineOptions,
} from "./engine/tool-engine.js";
export {
  CancelledError,
  type ErrorKind,
  InterpreterNotFoundError,
  InvalidConfigError,
  InvalidParamsError,
  InvalidToolError,
  QueueFullError,
  RunnerClosedError,
  SandboxUnavailableError,
  ShuttingDownError,
  SidecarExitedError,
  SidecarInternalError,
  SidecarNotFoundError,
  SidecarProtocolError,
  SidecarUnresponsiveError,
  ToolExistsError,
  ToolNotFoundError,
} from "./error-kinds.js";
export { PyRunnerError, type PyRunnerErrorDetails } from "./errors.js";
export type {
  EventBus,
  InvocationIds,
  ToolErrorEvent,
  ToolExecutionEvent,
  ToolInvocationEvent,
  ToolResultEvent,
} from "./events.js";
export type { IsolationLevel, LimitOptions, Logger, PyRunnerConfig, PyRunnerOptions } from "./options.js";
export type {
  DoctorResult,
  RegisterResult,
  StatsResult,
  ToolReport,
  ValidateResult,
  ViolationReport,
} from "./protocol.js";
export { PyRunner, type ToolFunction } from "./py-runner.js";
export type { RunRecord } from "./run-record.js";
export type { RunContext } from "./run-safely.js";
export type { PyRunnerEvents, RunOutput } from "./runner-events.js";
export type { RunStart, RunTrace, Telemetry } from "./telemetry.js";
export type { RunResult, ToolFailure, ToolResult } from "./tool-result.js";
export type { PyToolDefinition, RunOptions, ToolOrCode } from "./wire-params.js";
