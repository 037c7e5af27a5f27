/** The tools that the demo runs: the document's five, and five that try what a tool must not be able to do. */

export interface DemoTool {
  readonly id: string;
  readonly code: string;
  readonly args: object;
  readonly schema?: object;
  readonly timeout?: number;
}

export interface Attack extends DemoTool {
  /** The code of the failure that each attack must end with. */
  readonly expected: string;
}

export const DOCUMENT_TOOLS: readonly DemoTool[] = [
  {
    id: "text-processor",
    args: { text: "The quick brown fox" },
    schema: { type: "object", properties: { text: { type: "string" } }, required: ["text"] },
    code: `
def run(args):
    text = args.get("text", "")
    words = text.split()
    return {
        "ok": True,
        "data": {
            "wordCount": len(words)
        }
    }
`,
  },
  {
    id: "text-analyzer",
    args: { text: "Слава Україні" },
    code: `
def run(args):
    text = args.get("text", "")

    return {
        "ok": True,
        "data": {
            "length": len(text),
            "wordCount": len(text.split()),
            "charCount": len(text.replace(" ", "")),
            "uppercase": text.upper(),
            "lowercase": text.lower()
        }
    }
`,
  },
  {
    id: "list-processor",
    args: { items: [3, 1, 4, 1, 5, 9, 2, 6], operation: "max" },
    code: `
def run(args):
    items = args.get("items", [])
    operation = args.get("operation", "sum")

    if operation == "sum":
        result = sum(items)
    elif operation == "max":
        result = max(items)
    elif operation == "min":
        result = min(items)
    else:
        return {
            "ok": False,
            "error": {"message": f"Unknown operation: {operation}"}
        }

    return {
        "ok": True,
        "data": {"result": result}
    }
`,
  },
  {
    id: "data-validator",
    args: { email: "ada@example.org" },
    code: `
import re

def run(args):
    email = args.get("email", "")

    pattern = r'^[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\\.[a-zA-Z]{2,}$'
    is_valid = bool(re.match(pattern, email))

    return {
        "ok": True,
        "data": {
            "email": email,
            "valid": is_valid,
            "message": "Valid email" if is_valid else "Invalid email"
        }
    }
`,
  },
  {
    id: "math-operations",
    args: { operation: "power", a: 2, b: 10 },
    code: `
import math

def run(args):
    operation = args.get("operation")
    a = args.get("a", 0)
    b = args.get("b", 0)

    operations = {
        "add": lambda x, y: x + y,
        "multiply": lambda x, y: x * y,
        "power": lambda x, y: x ** y,
        "sqrt": lambda x, y: math.sqrt(x),
    }

    if operation not in operations:
        return {
            "ok": False,
            "error": {"message": f"Unknown operation: {operation}"}
        }

    result = operations[operation](a, b)

    return {
        "ok": True,
        "data": {"result": result}
    }
`,
  },
];

export const ATTACKS: readonly Attack[] = [
  {
    id: "open a socket",
    args: {},
    expected: "tool_error",
    code: `
import socket

def run(args):
    return socket.create_connection(("1.1.1.1", 53), timeout=5).getpeername()
`,
  },
  {
    id: "read a host's file",
    args: { path: "/etc/passwd" },
    expected: "tool_error",
    code: `
def run(args):
    return open(args["path"]).read()
`,
  },
  {
    id: "fork",
    args: {},
    expected: "tool_error",
    code: `
import os

def run(args):
    return os.fork()
`,
  },
  {
    id: "loop for ever",
    args: {},
    timeout: 1000,
    expected: "timeout",
    code: `
def run(args):
    while True:
        pass
`,
  },
  {
    id: "eat all memory",
    args: {},
    expected: "memory_limit",
    code: `
def run(args):
    eaten = []
    while True:
        eaten.append(bytearray(16 * 1024 * 1024))
`,
  },
];
