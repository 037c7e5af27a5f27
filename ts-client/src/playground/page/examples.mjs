/** Tools to begin with: what works, what is refused, and what is stopped. */
export const EXAMPLES = [
  {
    name: "Count words",
    args: { text: "to be or not to be" },
    code: `from collections import Counter

def run(args):
    words = args["text"].lower().split()
    print("counting", len(words), "words")
    return {"total": len(words), "most": Counter(words).most_common(3)}
`,
  },
  {
    name: "Try to get out",
    args: {},
    code: `import os, socket, subprocess

def attempt(what):
    try:
        return f"got out: {what()!r}"
    except OSError as error:
        return f"refused: {error}"

def run(args):
    return {
        "read a file": attempt(lambda: open("/etc/passwd").read()),
        "open a socket": attempt(lambda: socket.socket()),
        "start a process": attempt(lambda: subprocess.run(["id"])),
        "kill the parent": attempt(lambda: os.kill(os.getppid(), 9)),
        "environment": dict(os.environ),
        "list the root": attempt(lambda: os.listdir("/")),
    }
`,
  },
  {
    name: "Print while running",
    args: { lines: 8 },
    code: `import time

def run(args):
    for line in range(args["lines"]):
        print("line", line + 1, flush=True)
        time.sleep(0.3)
    return "done"
`,
  },
  {
    name: "Loop for ever",
    args: {},
    code: `def run(args):
    print("this is kept, although the call is killed", flush=True)
    while True:
        pass
`,
  },
  {
    name: "Take too much memory",
    args: { megabytes: 512 },
    code: `def run(args):
    return len(bytearray(args["megabytes"] * 1024 * 1024))
`,
  },
  {
    name: "Fail",
    args: { numbers: [1, 2, "three"] },
    code: `def run(args):
    total = 0
    for number in args["numbers"]:
        total += number
    return total
`,
  },
];
