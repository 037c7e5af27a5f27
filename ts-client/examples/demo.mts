/**
 * What `make demo` runs: tools through ToolEngine, PyRunner, the sidecar and a jailed worker each; then attacks.
 * The exit code is 1 if anything is not as it must be: a tool that fails, or an attack that does not.
 */
import { PyRunner, ToolEngine, type ToolExecutionEvent, type ToolResult } from "pyrunner";
import { bold, dim, green, red, table } from "./table.mjs";
import { ATTACKS, type DemoTool, DOCUMENT_TOOLS } from "./tools.mjs";

interface Call {
  readonly id: string;
  readonly result: ToolResult;
  /** The measurements of the sidecar; absent if the tool was not reached. */
  readonly event: ToolExecutionEvent | undefined;
  readonly asExpected: boolean;
}

let lastEvent: ToolExecutionEvent | undefined;
const eventBus = {
  emit(type: string, payload: object): void {
    if (type === "ToolExecutionEvent") lastEvent = payload as ToolExecutionEvent;
  },
};

const toolEngine = new ToolEngine(eventBus);
const pyRunner = new PyRunner({ maxMemoryMB: 128 });
toolEngine.pyRunner = pyRunner;

async function call(tool: DemoTool, isExpected: (result: ToolResult) => boolean): Promise<Call> {
  const { id, code, args, schema, timeout } = tool;
  toolEngine.register({ id, runner: "py", schema, timeout }, code);
  lastEvent = undefined;
  const result = await toolEngine.invoke(id, args);
  return { id, result, event: lastEvent, asExpected: isExpected(result) };
}

/** One after the other, so that each call's time is its own. */
async function callAll<T extends DemoTool>(
  tools: readonly T[],
  isExpected: (tool: T, result: ToolResult) => boolean,
): Promise<Call[]> {
  const calls: Call[] = [];
  for (const tool of tools) calls.push(await call(tool, (result) => isExpected(tool, result)));
  return calls;
}

const number = (value: number | undefined): string => (value === undefined ? "–" : value.toFixed(1));
const compact = (value: unknown): string => JSON.stringify(value)?.replace(/,"/g, ', "') ?? "";
const verdict = ({ asExpected }: Call): string => (asExpected ? "✓" : "✗");
const usage = ({ event }: Call): string[] => [
  number(event?.wallMs),
  number(event?.cpuMs),
  number(event?.maxRssMB),
  event?.isolation?.level ?? "–",
];
const mark = (calls: readonly Call[]) => (row: number) => (calls[row]?.asExpected ? green : red);

const USAGE_COLUMNS = [
  { title: "wall ms", align: "right" },
  { title: "cpu ms", align: "right" },
  { title: "peak MB", align: "right" },
  { title: "isolation" },
] as const;

function printTools(calls: readonly Call[]): void {
  const columns = [{ title: " " }, { title: "tool" }, { title: "result", maxWidth: 56 }, ...USAGE_COLUMNS];
  const rows = calls.map((each) => {
    const { ok, data, error } = each.result;
    return [verdict(each), each.id, ok ? compact(data) : `${error?.code}: ${error?.message}`, ...usage(each)];
  });
  console.log(`${bold("The document's tools, each call in a fresh jailed process")}\n`);
  console.log(`${table(columns, rows, mark(calls))}\n`);
  const layers = calls.find(({ event }) => event?.isolation)?.event?.isolation?.layers ?? [];
  console.log(`${dim("isolation layers:")} ${layers.join(dim(" → ")) || "unknown"}\n`);
}

function printAttacks(calls: readonly Call[]): void {
  const columns = [
    { title: " " },
    { title: "attack" },
    { title: "code" },
    { title: "type" },
    { title: "what the tool's caller is told", maxWidth: 64 },
    ...USAGE_COLUMNS.slice(0, 1),
  ];
  const rows = calls.map((each) => {
    const { ok, data, error } = each.result;
    const told = ok
      ? `IT SUCCEEDED: ${compact(data)}`
      : [error?.message, error?.hint].filter(Boolean).join(" — ");
    return [verdict(each), each.id, error?.code ?? "", error?.type ?? "", told, ...usage(each).slice(0, 1)];
  });
  console.log(`${bold("What happens to a tool that misbehaves")}\n`);
  console.log(table(columns, rows, mark(calls)));
}

const tools = await callAll(DOCUMENT_TOOLS, (_tool, { ok }) => ok);
printTools(tools);
const attacks = await callAll(ATTACKS, ({ expected }, { ok, error }) => !ok && error?.code === expected);
printAttacks(attacks);
await pyRunner.close();

const unexpected = [...tools, ...attacks].filter(({ asExpected }) => !asExpected);
if (unexpected.length > 0) {
  console.log(`\n${red(`Not as it must be: ${unexpected.map(({ id }) => id).join(", ")}`)}`);
  process.exitCode = 1;
} else {
  console.log(`\n${green(`${tools.length} tools worked, ${attacks.length} attacks did not.`)}`);
}
