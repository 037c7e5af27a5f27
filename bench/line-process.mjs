// A program that answers one line of JSON with one line of JSON, kept running.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export class LineProcess {
  #child;
  #waiting = [];
  #ended;

  constructor(command, args, { env = process.env } = {}) {
    this.#child = spawn(command, args, { env, stdio: ["pipe", "pipe", "inherit"] });
    this.#ended = new Promise((resolve) => {
      const end = (why) => {
        for (const { reject } of this.#waiting.splice(0)) reject(new Error(`${command} ${args[0]}: ${why}`));
        resolve();
      };
      this.#child.once("error", (error) => end(error.message));
      this.#child.once("close", (code, signal) => end(`ended with ${signal ?? code}`));
    });
    this.#child.stdin.on("error", () => undefined); // The end of the process says why.
    createInterface({ input: this.#child.stdout, crlfDelay: Number.POSITIVE_INFINITY }).on("line", (line) => {
      this.#waiting.shift()?.resolve(line);
    });
  }

  /** Wait for one line that nobody asked for. */
  async next() {
    return JSON.parse(await this.#line());
  }

  async ask(question) {
    const line = this.#line();
    this.#child.stdin.write(`${JSON.stringify(question)}\n`);
    return JSON.parse(await line);
  }

  /** End its input, and wait until it is gone. */
  async close() {
    this.#child.stdin.end();
    await this.#ended;
  }

  #line() {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }
}
