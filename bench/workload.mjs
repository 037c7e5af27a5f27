// What is called: the Text Processor of the host's document for everything about time, and a tool for each other matter.

import assert from "node:assert/strict";

export const TEXT_PROCESSOR = `
def run(args):
    text = args.get("text", "")
    words = text.split()
    return {
        "ok": True,
        "data": {
            "wordCount": len(words)
        }
    }
`;

export const DEFINITION = {
  id: "text-processor",
  name: "Text Processor",
  description: "Processes text using Python",
  runner: "py",
  schema: { type: "object", properties: { text: { type: "string" } }, required: ["text"] },
};

export const ARGS = { text: "the quick brown fox jumps over the lazy dog" };

/** Throws unless `result` is the Text Processor's for ARGS. */
export function checkText(result) {
  assert.deepEqual(result, { ok: true, data: { wordCount: 9 } });
}

/** The same tool below imports that take long. */
export const HEAVY_IMPORTS = `import sqlite3, asyncio, decimal, xml.etree.ElementTree\n${TEXT_PROCESSOR}`;

/** Work for the processor alone, in the subset of Python that Monty runs: a sieve by division, and recursion. */
export const CPU_BOUND = `
def fib(n):
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)

def run(args):
    primes = 0
    for candidate in range(2, args["primesBelow"]):
        divisor = 2
        is_prime = True
        while divisor * divisor <= candidate:
            if candidate % divisor == 0:
                is_prime = False
                break
            divisor += 1
        if is_prime:
            primes += 1
    return {"ok": True, "data": {"primes": primes, "fib": fib(args["fib"])}}
`;

export const CPU_ARGS = { primesBelow: 200_000, fib: 26 };

/** Throws unless `result` is the CPU-bound tool's for CPU_ARGS. */
export function checkCpu(result) {
  assert.deepEqual(result, { ok: true, data: { primes: 17_984, fib: 121_393 } });
}

/** Gives back what it gets. */
export const MIRROR = `
def run(args):
    return {"ok": True, "data": args["records"]}
`;

/** Records as a database gives them, of `megabytes` of JSON in all. */
export function records(megabytes) {
  const record = (id) => ({
    id,
    name: `customer ${id}`,
    email: `customer${id}@example.org`,
    balance: id * 1.25,
    tags: ["new", "paying", null],
    isActive: id % 3 === 0,
  });
  const bytesOfOne = JSON.stringify(record(10_000)).length + 1;
  return Array.from({ length: Math.ceil((megabytes * 2 ** 20) / bytesOfOne) }, (_, id) => record(id));
}
