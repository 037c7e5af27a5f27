/** One request of the page: its files, its runs, and the stream of what goes on. */
import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import path from "node:path";
import { isRecord, messageOf } from "../errors.js";
import { type Door, HEADERS } from "./door.js";
import type { Live } from "./live.js";
import type { Runs } from "./runs.js";

/** A tool's code may have 8 Mi characters on the wire, and its arguments come beside it. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;
const PAGE_DIR = path.join(__dirname, "page");
/** All files that there are; nothing else of the folder, or beside it, can be asked for. */
const FILES: ReadonlyMap<string, { file: string; type: string }> = new Map([
  ["", { file: "index.html", type: "text/html; charset=utf-8" }],
  ...["page.css", "answer.css"].map((file) => [file, { file, type: "text/css; charset=utf-8" }] as const),
  ...["page.mjs", "answer.mjs", "examples.mjs", "live.mjs"].map(
    (file) => [file, { file, type: "text/javascript; charset=utf-8" }] as const,
  ),
]);

interface Served {
  readonly door: Door;
  readonly live: Live;
  readonly runs: Runs;
}

/** Answer a request; never rejects. */
export async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  { door, live, runs }: Served,
): Promise<void> {
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  const asked = door.path(request);
  if (asked === undefined) return refuse(response, 403, "Not with this address, host or origin.");
  try {
    const page = FILES.get(asked);
    if (request.method === "GET" && page !== undefined) {
      response.setHeader("Content-Type", page.type);
      response.end(await readFile(path.join(PAGE_DIR, page.file)));
    } else if (request.method === "GET" && asked === "events") live.add(response);
    else if (request.method === "POST" && asked === "run") {
      const body = await bodyOf(request);
      const answers = body && (await runs.run(body, response));
      if (answers === undefined) return refuse(response, 400, "This is no run, or too large a one.");
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify(answers));
    } else if (request.method === "POST" && asked === "cancel") {
      const body = await bodyOf(request);
      runs.cancel(body?.runId);
      response.writeHead(204).end();
    } else refuse(response, 404, "There is nothing here.");
  } catch (error) {
    if (!response.headersSent) refuse(response, 500, messageOf(error));
  }
}

function refuse(response: ServerResponse, status: number, why: string): void {
  response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8", Connection: "close" });
  response.end(`${why}\n`);
}

/** A JSON object. Another page cannot send this type of content without being asked about it by the browser. */
async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown> | undefined> {
  if (request.headers["content-type"] !== "application/json") return undefined;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  try {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
    return isRecord(body) ? body : undefined;
  } catch {
    return undefined;
  }
}
