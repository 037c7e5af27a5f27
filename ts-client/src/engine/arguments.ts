/**
 * Whether arguments fit a tool's JSON Schema, for tools that run in the host; of Python tools the sidecar checks them.
 * Both give one shape of failure, and take one dialect where a schema names none: 2020-12. As there, `format` is an
 * annotation, nothing is coerced or filled in, and no reference is fetched.
 */
import type { Ajv, ErrorObject } from "ajv";
import { errorOf } from "../error-kinds.js";
import { isRecord, messageOf } from "../errors.js";
import type { ToolFailure } from "../tool-result.js";

/** The same bounds as the sidecar's. */
const MAX_ERRORS = 20;
const MAX_QUOTED = 3;
const MAX_NAME_CHARS = 100;

/** The failure that the arguments give, or undefined. */
export type ArgumentCheck = (args: unknown) => ToolFailure | undefined;

/** Compile a schema, or throw `invalid_tool`. */
export function argumentCheck(toolId: string, schema: unknown): ArgumentCheck {
  if (!isRecord(schema)) throw unusable(toolId, "it is not an object");
  if (schema.$async !== undefined) throw unusable(toolId, "`$async` is not supported");
  const ajv = ajvFor(toolId, schema.$schema);
  try {
    const fits = ajv.compile(schema);
    return (args) => {
      try {
        return fits(args) ? undefined : failure(fits.errors ?? []);
      } catch (error) {
        return { ...failure([]), message: `Checking the arguments failed: ${messageOf(error)}` };
      }
    };
  } catch (error) {
    throw unusable(toolId, messageOf(error));
  } finally {
    ajv.removeSchema(schema); // Another tool may bring a schema with the same `$id`.
  }
}

const OPTIONS = { strict: false, allErrors: true, validateFormats: false, logger: false } as const;

/** By dialect. Ajv takes a tenth of a second to load and to get ready, so only for hosts that have such a tool. */
const MAKERS: Readonly<Record<string, () => Ajv>> = {
  "https://json-schema.org/draft/2020-12/schema": () => {
    const { Ajv2020 } = require("ajv/dist/2020.js") as typeof import("ajv/dist/2020.js");
    return new Ajv2020(OPTIONS);
  },
  "https://json-schema.org/draft/2019-09/schema": () => {
    const { Ajv2019 } = require("ajv/dist/2019.js") as typeof import("ajv/dist/2019.js");
    return new Ajv2019(OPTIONS);
  },
  "http://json-schema.org/draft-07/schema": () => {
    const { Ajv } = require("ajv") as typeof import("ajv");
    return new Ajv(OPTIONS);
  },
};
const DEFAULT_DIALECT = "https://json-schema.org/draft/2020-12/schema";
const made = new Map<string, Ajv>();

function ajvFor(toolId: string, $schema: unknown = DEFAULT_DIALECT): Ajv {
  const dialect = String($schema).replace(/#$/, "");
  const make = Object.hasOwn(MAKERS, dialect) ? MAKERS[dialect] : undefined;
  if (make === undefined) {
    const known = Object.keys(MAKERS).join(", ");
    throw unusable(toolId, `its $schema is ${JSON.stringify($schema)}; known are ${known}`);
  }
  const ajv = made.get(dialect) ?? make();
  made.set(dialect, ajv);
  return ajv;
}

function failure(found: readonly ErrorObject[]): ToolFailure {
  const errors = found.slice(0, MAX_ERRORS).map((error) => {
    const { instancePath, keyword, params, schemaPath } = error;
    return { instancePath, keyword, message: wordsOf(error), params, schemaPath };
  });
  const quoted = errors
    .slice(0, MAX_QUOTED)
    .map(({ instancePath, message }) => `${instancePath || "args"} ${message}`)
    .join("; ");
  const more = errors.length > MAX_QUOTED ? ` (and ${errors.length - MAX_QUOTED} more)` : "";
  return {
    message: `The arguments do not fit the tool's schema: ${quoted}${more}`,
    type: "ValidationError",
    code: "invalid_args",
    errors,
    hint: "Correct what `errors` lists and call the tool again.",
  };
}

/** Ajv's words, and the name of a property that is not wanted, which they leave out. */
function wordsOf({ keyword, message = "is not valid", params }: ErrorObject): string {
  const name = keyword === "additionalProperties" ? params.additionalProperty : undefined;
  if (typeof name !== "string") return message;
  return `${message}: '${name.length > MAX_NAME_CHARS ? `${name.slice(0, MAX_NAME_CHARS)}…` : name}'`;
}

function unusable(toolId: string, why: string) {
  const message = `The schema of the tool "${toolId}" is not a usable JSON Schema: ${why}.`;
  return errorOf("invalid_tool", message, { data: { reason: why } });
}
