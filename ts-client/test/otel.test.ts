import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import type { PyRunnerOptions } from "../src/options.js";
import { type OpenTelemetryOptions, openTelemetry } from "../src/otel.js";
import { fakeRunner } from "./fake-sidecar.js";

/** A runner that is traced by the real SDK, and the spans that have ended. */
function traced(t: TestContext, options: OpenTelemetryOptions = {}, runnerOptions: PyRunnerOptions = {}) {
  const exporter = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const telemetry = openTelemetry({ tracerProvider, ...options });
  return {
    runner: fakeRunner(t, [], { telemetry, ...runnerOptions }),
    ended: (): ReadableSpan[] => exporter.getFinishedSpans(),
    /** The span of the one run. */
    span(): ReadableSpan {
      const spans = exporter.getFinishedSpans().filter(({ name }) => name.startsWith("execute_tool"));
      assert.equal(spans.length, 1);
      return spans[0] ?? assert.fail();
    },
  };
}

const ms = ([seconds, nanos]: [number, number]): number => seconds * 1e3 + nanos / 1e6;
const startOf = ({ startTime }: ReadableSpan): number => ms(startTime);
const endOf = ({ endTime }: ReadableSpan): number => ms(endTime);

test("a run is a span execute_tool with the attributes of the conventions", async (t) => {
  const { runner, span } = traced(t);
  await runner.register({ id: "e", description: "Is safe." }, "jailed");
  await runner.run("e", 1, { toolCallId: "call_7" });
  const { name, kind, status, attributes } = span();
  assert.deepEqual(
    [name, kind, status],
    ["execute_tool e", SpanKind.INTERNAL, { code: SpanStatusCode.UNSET }],
  );
  assert.deepEqual(attributes, {
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "e",
    "gen_ai.tool.type": "function",
    "gen_ai.tool.description": "Is safe.",
    "gen_ai.tool.call.id": "call_7",
    "pyrunner.cpu_ms": 1,
    "pyrunner.max_rss_mb": 8,
    "pyrunner.peak_memory_mb": 1,
    "pyrunner.isolation.level": "strict",
    "pyrunner.isolation.layers": ["seccomp"],
  });
});

test("queue, spawn and run are its children, one after another and within it", async (t) => {
  const { runner, span, ended } = traced(t);
  await runner.run({ code: "jailed" });
  const parent = span();
  const children = ended().filter((each) => each.parentSpanContext?.spanId === parent.spanContext().spanId);
  assert.deepEqual(
    children.map(({ name }) => name),
    ["queue", "spawn", "run"],
  );
  let last = startOf(parent);
  for (const child of children) {
    assert.equal(child.spanContext().traceId, parent.spanContext().traceId);
    assert.ok(startOf(child) >= last - 1e-3, child.name);
    last = endOf(child);
  }
  assert.ok(last <= endOf(parent) + 1e-3);
});

test("code, arguments, results, output and messages are in no span unless they are asked for", async (t) => {
  for (const [code, args] of [
    ["echo", "S3CRET"],
    ["fail", "S3CRET"],
    ["stream", "S3CRET"],
    ["queue-full", "S3CRET"],
  ]) {
    const { runner, ended } = traced(t);
    await runner.runSafe({ code: code ?? "" }, args);
    const told = JSON.stringify(
      ended().map(({ name, attributes, events, status }) => [name, attributes, events, status]),
    );
    assert.doesNotMatch(told, /S3CRET|oops|refused: |"message"|gen_ai\.tool\.call/);
  }
  const { runner, span } = traced(t, { recordArguments: true, recordResults: true });
  await runner.run({ code: "echo" }, { a: 1 });
  assert.equal(span().attributes["gen_ai.tool.call.arguments"], '{"a":1}');
  assert.equal(span().attributes["gen_ai.tool.call.result"], '{"ok":true,"data":{"a":1}}');
});

test("a failure of the tool and a call that never reached one are errors with the type that is their code", async (t) => {
  for (const [code, expected] of [
    ["fail", "tool_error"],
    ["queue-full", "queue_full"],
    ["die", "sidecar_exited"],
  ] as const) {
    const { runner, span, ended } = traced(t);
    await runner.runSafe({ code });
    assert.equal(span().attributes["error.type"], expected);
    assert.deepEqual(span().status, { code: SpanStatusCode.ERROR });
    assert.equal(ended().length, 1);
  }
});

test("the trace of a run is handed on to the sidecar", async (t) => {
  const { runner, span } = traced(t);
  const { result } = await runner.run({ code: "params" });
  const { traceId, spanId } = span().spanContext();
  assert.equal(
    (result.data as { run: { traceparent: string } }).run.traceparent,
    `00-${traceId}-${spanId}-01`,
  );
});

test("a run belongs to the trace that its traceparent names, else to the one that is active", async (t) => {
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const spanId = "b7ad6b7169203331";
  const given = traced(t);
  await given.runner.run({ code: "echo" }, 1, { traceparent: `00-${traceId}-${spanId}-01` });
  assert.equal(given.span().spanContext().traceId, traceId);
  assert.equal(given.span().parentSpanContext?.spanId, spanId);

  const active = traced(t);
  const parent = trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: 1 });
  t.mock.method(context, "active", () => parent);
  await active.runner.run({ code: "echo" });
  assert.equal(active.span().parentSpanContext?.spanId, spanId);

  t.mock.restoreAll();
  const odd = traced(t);
  await odd.runner.run({ code: "echo" }, 1, { traceparent: "no-trace" });
  assert.equal(odd.span().parentSpanContext, undefined);
});

test("without an SDK, and with no telemetry at all, nothing is made up", async (t) => {
  for (const telemetry of [openTelemetry(), undefined]) {
    const runner = fakeRunner(t, [], { telemetry });
    const { result } = await runner.run({ code: "params" });
    assert.ok(!("traceparent" in (result.data as { run: object }).run));
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const given = await runner.run({ code: "params" }, 1, { traceparent });
    assert.equal((given.result.data as { run: { traceparent: string } }).run.traceparent, traceparent);
  }
});

test("a telemetry that throws is logged and does not touch the run", async (t) => {
  const warnings: string[] = [];
  const logger = { debug: () => undefined, warn: (message: string) => warnings.push(message) };
  const fail = (): never => {
    throw new Error("no collector");
  };
  for (const runStarted of [fail, () => ({ traceparent: undefined, runEnded: fail })]) {
    const runner = fakeRunner(t, [], { logger, telemetry: { runStarted } });
    assert.equal((await runner.run({ code: "echo" }, 7)).result.data, 7);
  }
  assert.deepEqual(warnings, Array(2).fill("pyrunner: telemetry failed: no collector"));
});
