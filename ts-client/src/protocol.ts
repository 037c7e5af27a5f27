// Generated from the sidecar's JSON Schema by `npm run generate`; do not edit.

/**
 * Params of `$/cancelRequest`.
 */
export interface CancelParams {
  id: unknown;
}
/**
 * One of `doctor`'s checks: `layers` hold the promise, `missing` could; `hint` says what to do about either.
 */
export interface CheckReport {
  detail: string;
  hint?: string | null;
  layers: string[];
  missing: string[];
  name: string;
  ok: boolean;
}
/**
 * Who the host is; for its own logs.
 */
export interface ClientInfo {
  name: string;
  version?: string | null;
}
/**
 * A finding about source text; `line` and `column` count from 1.
 */
export interface DiagnosticReport {
  column: number;
  line: number;
  message: string;
  severity: "error" | "warning";
}
/**
 * Result of `doctor`.
 */
export interface DoctorResult {
  checks: CheckReport[];
  isolation: IsolationReport;
  ok: boolean;
}
/**
 * What stands around a tool: `layers` in the order of application.
 */
export interface IsolationReport {
  layers: string[];
  level: "strict" | "process" | "none";
}
/**
 * Result of a method that has nothing to say.
 */
export interface EmptyResult {}
/**
 * `counts[i]` values were at most `boundsMs[i]`; the last count is of those above every bound.
 */
export interface HistogramReport {
  boundsMs: number[];
  counts: number[];
  sumMs: number;
}
/**
 * A run that is not answered yet, for `ms` so far; `tool` is null for inline code.
 */
export interface InFlightReport {
  ms: number;
  runId: string;
  state: "queued" | "running";
  tool: string | null;
}
/**
 * Params of `initialize`. Unknown members are ignored: this is where versions meet.
 */
export interface InitializeParams {
  clientInfo?: ClientInfo | null;
}
/**
 * Result of `initialize`. `missing` is there when no tool can run.
 */
export interface InitializeResult {
  isolation: IsolationReport;
  limits: LimitsReport;
  missing?: MissingLayer[] | null;
  protocolVersion: number;
  serverInfo: ServerInfo;
}
/**
 * The limits of a call that asks for none of its own.
 */
export interface LimitsReport {
  maxConcurrency: number;
  maxMemoryMB: number;
  maxMessageBytes: number;
  maxOpenFiles: number;
  maxQueue: number;
  maxThreads: number;
  memoryBudgetMB: number;
  resultMaxBytes: number;
  scratchMaxBytes: number;
  scratchMaxInodes: number;
  stderrMaxBytes: number;
  stdoutMaxBytes: number;
  timeout: number;
}
/**
 * Why the isolation asked for cannot be had.
 */
export interface MissingLayer {
  fix: string;
  layer: string;
  reason: string;
}
/**
 * Who the sidecar is.
 */
export interface ServerInfo {
  name: string;
  version: string;
}
/**
 * Params of `list`: whose tools.
 */
export interface ListParams {
  owner?: string | null;
}
/**
 * Result of `list`, in the order of registration.
 */
export interface ListResult {
  tools: ToolReport[];
}
/**
 * One registered tool; `schema` and `description` as registered, else derived from the code.
 */
export interface ToolReport {
  codeHash: string;
  description: string | null;
  id: string;
  name: string | null;
  schema: {
    [k: string]: unknown;
  } | null;
}
/**
 * A method that takes nothing.
 */
export interface NoParams {}
/**
 * Params of the notification `run/output`: what a running tool has just printed.
 */
export interface OutputParams {
  runId: string;
  stream: "stdout" | "stderr";
  text: string;
}
/**
 * Params of `register`. `owner`: which part of the host the tool belongs to; each has ids of its own.
 */
export interface RegisterParams {
  code: string;
  description?: string | null;
  id: string;
  maxMemoryMB?: number | null;
  minIsolation?: ("strict" | "process") | null;
  name?: string | null;
  owner?: string | null;
  pythonPath?: string | null;
  replace?: boolean;
  schema?: {
    [k: string]: unknown;
  } | null;
  timeout?: number | null;
  warm?: boolean;
  workingDir?: string | null;
}
/**
 * Result of `register`: `codeHash` is the SHA-256 of the code's UTF-8, in hexadecimal.
 *
 * `schemaDerived`: the tool has a schema that was made of its type hints; `warnings` say why it has not.
 */
export interface RegisterResult {
  codeHash: string;
  id: string;
  schemaDerived?: boolean | null;
  warnings?: string[] | null;
}
/**
 * Params of `run`: `id` of a registered tool, or `code`.
 */
export interface RunParams {
  /**
   * Any JSON value; the tool's schema decides. Absent: {}.
   */
  args?: unknown;
  code?: string | null;
  id?: string | null;
  maxMemoryMB?: number | null;
  minIsolation?: ("strict" | "process") | null;
  owner?: string | null;
  pythonPath?: string | null;
  runId?: string | null;
  stream?: boolean;
  timeout?: number | null;
  traceparent?: string | null;
  workingDir?: string | null;
}
/**
 * Result of `run`; `result` is the tool's `{"ok": …}`. `violations` explain; they prove nothing.
 */
export interface RunResult {
  isolation: IsolationReport;
  result: {
    [k: string]: unknown;
  };
  runId: string;
  stderr: string;
  stderrTruncated: boolean;
  stdout: string;
  stdoutTruncated: boolean;
  usage: UsageReport;
  violations?: ViolationReport[] | null;
  violationsOmitted?: number | null;
}
/**
 * The sidecar's own measurements of one call.
 */
export interface UsageReport {
  cpuMs: number;
  maxRssMB: number;
  peakMemoryMB: number;
  queueMs: number;
  runMs: number;
  spawnMs: number;
  wallMs: number;
}
/**
 * A call that the jail refused, by the worker's own account; `line` counts from 1 in the tool's text.
 */
export interface ViolationReport {
  argument: string;
  call: string;
  count: number;
  line?: number | null;
  policy: string;
}
/**
 * Result of `stats`. Counters only grow; `calls` are the oldest of those in flight.
 */
export interface StatsResult {
  calls: InFlightReport[];
  encodeMs: HistogramReport;
  errors: {
    [k: string]: number;
  };
  gauges: {
    [k: string]: number;
  };
  inFlight: number;
  queueMs: HistogramReport;
  requests: {
    [k: string]: number;
  };
  rssBytes: number;
  runMs: HistogramReport;
  runs: {
    [k: string]: number;
  };
  spawnMs: HistogramReport;
  tools: number;
  uptimeMs: number;
  wallMs: HistogramReport;
}
/**
 * Params of `unregister`.
 */
export interface UnregisterParams {
  id: string;
  owner?: string | null;
}
/**
 * Params of `validate`.
 */
export interface ValidateParams {
  code: string;
  pythonPath?: string | null;
}
/**
 * Result of `validate`; `error` sums up why the code is not valid.
 */
export interface ValidateResult {
  diagnostics: DiagnosticReport[];
  error?: string | null;
  valid: boolean;
}
