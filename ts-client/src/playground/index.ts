/**
 * A page on this machine on which a person types a tool, runs it, and sees what became of it and what else goes on.
 *
 * Invariant: it is for the one person who was shown its address. See `door.ts`.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { PyRunnerOptions } from "../options.js";
import { PyRunner } from "../py-runner.js";
import { Door } from "./door.js";
import { Live } from "./live.js";
import { Runs } from "./runs.js";
import { serve } from "./serve.js";

/** No name that a resolver could be made to answer otherwise, and no other machine. */
const LOOPBACK = "127.0.0.1";
const TOKEN_BYTES = 24;

export interface PlaygroundOptions extends PyRunnerOptions {
  /** Look at this runner, and run with it; it stays open. Default: one made from the other options. */
  readonly runner?: PyRunner | undefined;
}

export interface Playground {
  /** With the token: whoever has it can run tools here. */
  readonly url: string;
  /** End what it runs, and the runner if it is the page's own. */
  close(): Promise<void>;
}

/** Serve the page on a port that the system chooses, until it is closed. */
export async function startPlayground(options: PlaygroundOptions = {}): Promise<Playground> {
  const { runner = new PyRunner(options) } = options;
  const server = createServer();
  server.listen(0, LOOPBACK);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const door = new Door(`${LOOPBACK}:${port}`, randomBytes(TOKEN_BYTES).toString("base64url"));
  const live = new Live(runner);
  const runs = new Runs(runner, live);
  server.on("request", (request, response) => serve(request, response, { door, live, runs }));
  return {
    url: door.url,
    async close() {
      runs.cancelAll();
      live.close();
      server.close();
      server.closeAllConnections();
      if (options.runner === undefined) await runner.close();
    },
  };
}
