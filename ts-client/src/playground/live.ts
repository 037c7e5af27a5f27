/**
 * What goes on, as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) to each page that
 * is open: `stats` (gauges and the calls in flight, of all that use the sidecar), `output` of the page's own runs, and
 * `trouble` where there is no sidecar. The sidecar is asked only while a page is open.
 */
import type { ServerResponse } from "node:http";
import { messageOf } from "../errors.js";
import type { PyRunner } from "../py-runner.js";

/** While something is in flight, while nothing is, and after the sidecar could not be asked. */
const BUSY_POLL_MS = 150;
const IDLE_POLL_MS = 1_000;
const TROUBLE_POLL_MS = 3_000;
/** A page that does not read is let go; it comes back by itself when it does. */
const MAX_UNREAD_BYTES = 16 * 1024 * 1024;

export class Live {
  readonly #runner: PyRunner;
  readonly #pages = new Set<ServerResponse>();
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;
  #isWanted = false;
  #last = "";

  constructor(runner: PyRunner) {
    this.#runner = runner;
  }

  /** Tell this page from now on. */
  add(page: ServerResponse): void {
    page.writeHead(200, { "Content-Type": "text/event-stream" });
    page.write(": hello\n\n");
    this.#pages.add(page);
    page.once("close", () => this.#pages.delete(page));
    this.#last = "";
    this.look();
  }

  send(event: "stats" | "output" | "trouble", data: object): void {
    for (const page of this.#pages) {
      page.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
      if (page.writableLength > MAX_UNREAD_BYTES) page.destroy();
    }
  }

  /** Ask the sidecar now: something has changed. */
  look(): void {
    if (this.#isLooking) {
      this.#isWanted = true;
      return;
    }
    clearTimeout(this.#timer);
    if (this.#pages.size > 0) void this.#look();
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const page of this.#pages) page.end();
    this.#pages.clear();
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    let nextMs = TROUBLE_POLL_MS;
    try {
      const { gauges, calls } = await this.#runner.stats();
      nextMs = calls.length > 0 ? BUSY_POLL_MS : IDLE_POLL_MS;
      const told = JSON.stringify({ gauges, calls });
      if (told !== this.#last) this.send("stats", { gauges, calls });
      this.#last = told;
    } catch (error) {
      this.send("trouble", { message: messageOf(error) });
    }
    this.#isLooking = false;
    if (this.#isWanted) nextMs = 0;
    this.#isWanted = false;
    if (this.#pages.size > 0) this.#timer = setTimeout(() => this.look(), nextMs);
  }
}
