/** The registered tools as a model is shown them: a name that each provider takes, a description, an object's schema. */
import { errorOf } from "../error-kinds.js";
import { isRecord, type PyRunnerError } from "../errors.js";
import type { ToolReport } from "../protocol.js";
import type { PyRunner } from "../py-runner.js";

/** What an adapter needs of a PyRunner. */
export type ToolRunner = Pick<PyRunner, "list" | "run">;

export interface ModelToolOptions {
  /** The ids of the tools that the model may call. Default: every tool that is registered. */
  readonly only?: readonly string[] | undefined;
}

/** JSON Schema of an object, as every provider wants it for a tool's arguments. */
export interface ObjectSchema {
  readonly type: "object";
  readonly properties: Record<string, object>;
  readonly [keyword: string]: unknown;
}

export interface ModelTool {
  /** What the runner knows it by. */
  readonly id: string;
  /** What the model knows it by: `id`, with `_` for whatever is no letter or digit: `word_count`. */
  readonly name: string;
  readonly title: string | undefined;
  readonly description: string;
  readonly inputSchema: ObjectSchema;
}

/** Providers differ in the names that they take; these, all do. */
const NAME_MAX_LENGTH = 64;
const NOT_IN_NAMES = /[^a-zA-Z0-9_]/g;

/** The tools, in the order of their registration. Throws for an id in `only` that is not registered. */
export async function modelTools(runner: ToolRunner, options: ModelToolOptions = {}): Promise<ModelTool[]> {
  const { only } = options;
  const reports = await runner.list();
  const unknown = only?.find((id) => !reports.some((report) => report.id === id));
  if (unknown !== undefined) {
    throw errorOf("tool_not_found", `No tool with the id "${unknown}" is registered.`);
  }
  const tools = reports.filter(({ id }) => only?.includes(id) ?? true).map(modelTool);
  const ids = new Map<string, string>();
  for (const { id, name } of tools) {
    const other = ids.get(name);
    if (other !== undefined) {
      throw unusable(id, `a model would know it as "${name}", and "${other}" too: rename one`);
    }
    ids.set(name, id);
  }
  return tools;
}

function modelTool({ id, name, description, schema }: ToolReport): ModelTool {
  return {
    id,
    name: id.replace(NOT_IN_NAMES, "_").slice(0, NAME_MAX_LENGTH),
    title: name ?? undefined,
    description: description ?? name ?? `The tool ${id}.`,
    inputSchema: objectSchema(id, schema ?? {}),
  };
}

function objectSchema(id: string, schema: Record<string, unknown>): ObjectSchema {
  const { type = "object", properties } = schema;
  if (type !== "object") {
    throw unusable(id, `its arguments are of type ${JSON.stringify(type)}, and a model gives an object`);
  }
  return { ...schema, type, properties: isRecord(properties) ? (properties as Record<string, object>) : {} };
}

function unusable(id: string, why: string): PyRunnerError {
  return errorOf("invalid_tool", `The tool "${id}" cannot be offered to a model: ${why}, or leave it out.`);
}
