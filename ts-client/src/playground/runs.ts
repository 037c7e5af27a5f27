/** What the page asks to be run. A run ends with the request for it: a page that is closed leaves none behind. */
import type { ServerResponse } from "node:http";
import { cancelled } from "../abort.js";
import type { PyRunner } from "../py-runner.js";
import { failureOf, isOk } from "../run-safely.js";
import type { RunResult, ToolFailure } from "../tool-result.js";
import type { Live } from "./live.js";

/** More at once than any machine runs, to see a queue. */
const MAX_RUNS = 100;

/** A reply with all that is in it, or why there is none. */
type Answer = { readonly reply: RunResult } | { readonly error: ToolFailure };

/** The first run's answer, and of all what became of them: `ok` or the failure's code. */
export interface Answers {
  readonly answer: Answer;
  readonly outcomes: readonly string[];
}

export class Runs {
  readonly #runner: PyRunner;
  readonly #live: Live;
  readonly #inFlight = new Map<string, AbortController>();

  constructor(runner: PyRunner, live: Live) {
    this.#runner = runner;
    this.#live = live;
  }

  /** Run one tool as often as `asked.runIds` has ids. Undefined where that is no array of them; else never rejects. */
  async run(asked: Record<string, unknown>, response: ServerResponse): Promise<Answers | undefined> {
    const { runIds, ...rest } = asked;
    const isFine =
      Array.isArray(runIds) && runIds.length <= MAX_RUNS && runIds.every((id) => typeof id === "string");
    if (!isFine) return undefined;
    const running = runIds.map((runId: string) => this.#one(runId, rest, response));
    this.#live.look();
    const answers = await Promise.all(running);
    this.#live.look();
    const [answer] = answers;
    return answer && { answer, outcomes: answers.map(outcomeOf) };
  }

  cancel(runId: unknown): void {
    this.#inFlight.get(String(runId))?.abort(new Error("it was cancelled on the page"));
  }

  cancelAll(): void {
    for (const controller of this.#inFlight.values())
      controller.abort(new Error("the playground was closed"));
  }

  /** One run; the runner checks what it was asked. */
  async #one(runId: string, asked: Record<string, unknown>, response: ServerResponse): Promise<Answer> {
    const { code, args, timeout, maxMemoryMB } = asked as {
      code: string;
      args: unknown;
      timeout: number;
      maxMemoryMB: number;
    };
    const controller = new AbortController();
    const { signal } = controller;
    const leave = (): void => controller.abort(new Error("the page is gone"));
    const output = (stream: string) => (text: string) => this.#live.send("output", { runId, stream, text });
    const options = { runId, timeout, maxMemoryMB, signal };
    this.#inFlight.set(runId, controller);
    response.once("close", leave);
    try {
      const handlers = { onStdout: output("stdout"), onStderr: output("stderr") };
      return { reply: await this.#runner.run({ code }, args, { ...options, ...handlers }) };
    } catch (error) {
      return { error: signal.aborted ? cancelled(signal) : failureOf(error) };
    } finally {
      response.off("close", leave);
      this.#inFlight.delete(runId);
    }
  }
}

function outcomeOf(answer: Answer): string {
  if ("error" in answer) return answer.error.code ?? "failed";
  const { result } = answer.reply;
  return isOk(result) ? "ok" : String(result.error?.code ?? "failed");
}
