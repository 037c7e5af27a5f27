/** The public surface; `index.mts` repeats these names for `import`, over this same module. */
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
export {
  type BuiltinTool,
  type PythonRunner,
  type RegisteredTool,
  type ToolDefinition,
  ToolEngine,
} from "./tool-engine.js";
export type { RunResult, ToolFailure, ToolResult } from "./tool-result.js";
export type { PyToolDefinition, RunOptions, ToolOrCode } from "./wire-params.js";
