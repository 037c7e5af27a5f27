/**
 * Runs as spans of OpenTelemetry, after its conventions for generative AI: `execute_tool`
 * (https://github.com/open-telemetry/semantic-conventions-genai, docs/gen-ai/execute-tool.md, status Development).
 *
 * Invariant: no code, and no arguments, results or messages of errors unless the host has asked for them.
 */
import {
  type Attributes,
  type Context,
  context,
  isSpanContextValid,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  type TracerProvider,
  trace,
} from "@opentelemetry/api";
import type { RunRecord } from "./run-record.js";
import type { RunStart, Telemetry } from "./telemetry.js";
import type { RunResult } from "./tool-result.js";

export interface OpenTelemetryOptions {
  /** Default: the global one, as it is when a run begins. */
  readonly tracerProvider?: TracerProvider | undefined;
  /** Put the arguments of each run into its span, as JSON. Default: false. */
  readonly recordArguments?: boolean | undefined;
  /** Put the result of each run into its span, as JSON. Default: false. */
  readonly recordResults?: boolean | undefined;
}

/** Inline code has no name, and the conventions require one. */
const INLINE = "python";

/** For `new PyRunner({ telemetry: openTelemetry() })`: a span for each run, below the span that is active then. */
export function openTelemetry(options: OpenTelemetryOptions = {}): Telemetry {
  return {
    runStarted(run) {
      const provider = options.tracerProvider ?? trace.getTracerProvider();
      const tracer = provider.getTracer("pyrunner");
      const attributes = { ...startAttributes(run), ...json(options.recordArguments, ARGUMENTS, run.args) };
      const { startedAtMs: startTime } = run;
      const span = tracer.startSpan(
        `execute_tool ${run.toolId ?? INLINE}`,
        { kind: SpanKind.INTERNAL, startTime, attributes },
        parentOf(run.traceparent),
      );
      return {
        traceparent: traceparentOf(span.spanContext()),
        runEnded(record, reply) {
          span.setAttributes({
            ...endAttributes(record),
            ...json(options.recordResults && reply !== undefined, RESULT, reply?.result),
          });
          // Without a message: a tool's may quote its arguments.
          if (!record.ok) span.setStatus({ code: SpanStatusCode.ERROR });
          addPhases(tracer, span, record, reply);
          span.end(record.startedAtMs + record.durationMs);
        },
      };
    },
  };
}

const ARGUMENTS = "gen_ai.tool.call.arguments";
const RESULT = "gen_ai.tool.call.result";

function startAttributes({ toolId, description, toolCallId }: RunStart): Attributes {
  return {
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": toolId ?? INLINE,
    "gen_ai.tool.type": "function",
    ...(description === undefined ? {} : { "gen_ai.tool.description": description }),
    ...(toolCallId === undefined ? {} : { "gen_ai.tool.call.id": toolCallId }),
  };
}

function endAttributes({ ok, code, runId, usage, isolation, violations }: RunRecord): Attributes {
  return {
    ...(ok ? {} : { "error.type": code ?? "_OTHER" }),
    ...(runId === undefined ? {} : { "pyrunner.run.id": runId }),
    ...(usage && {
      "pyrunner.cpu_ms": usage.cpuMs,
      "pyrunner.max_rss_mb": usage.maxRssMB,
      "pyrunner.peak_memory_mb": usage.peakMemoryMB,
    }),
    ...(isolation && {
      "pyrunner.isolation.level": isolation.level,
      "pyrunner.isolation.layers": isolation.layers,
    }),
    ...(violations && { "pyrunner.violations": violations.length }),
  };
}

/**
 * The sidecar's measurements as child spans. It has a clock of its own, so they are laid one after another, with what the
 * host waited beyond them, the transport, half in front and half behind.
 */
function addPhases(tracer: Tracer, parent: Span, record: RunRecord, reply: RunResult | undefined): void {
  if (reply === undefined || reply.isolation.level === "none") return;
  const { queueMs, spawnMs, runMs, wallMs } = reply.usage;
  const below = trace.setSpan(context.active(), parent);
  let startTime = record.startedAtMs + Math.max(record.durationMs - queueMs - spawnMs - wallMs, 0) / 2;
  for (const [name, ms] of [
    ["queue", queueMs],
    ["spawn", spawnMs],
    ["run", runMs],
  ] as const) {
    const endTime = startTime + ms;
    tracer.startSpan(name, { kind: SpanKind.INTERNAL, startTime }, below).end(endTime);
    startTime = endTime;
  }
}

/** The context of a run: that of its `traceparent`, else the one that is active. */
function parentOf(traceparent: string | undefined): Context {
  const [, traceId = "", spanId = "", flags = ""] = traceparent?.split("-") ?? [];
  const remote = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  const active = context.active();
  return isSpanContextValid(remote) ? trace.setSpanContext(active, remote) : active;
}

/** https://www.w3.org/TR/trace-context/#traceparent-header; undefined where nobody traces. */
function traceparentOf(span: SpanContext): string | undefined {
  if (!isSpanContextValid(span)) return undefined;
  return `00-${span.traceId}-${span.spanId}-${(span.traceFlags & 0xff).toString(16).padStart(2, "0")}`;
}

function json(isWanted: boolean | undefined, name: string, value: unknown): Attributes {
  return isWanted === true && value !== undefined ? { [name]: JSON.stringify(value) } : {};
}
