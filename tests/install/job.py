"""The job that both packages are put to when they are installed: five tools, their arguments, and what they return."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Tool:
    """A tool, its arguments, and the data that it returns for them."""

    id: str
    code: str
    args: Any
    data: Any


TOOLS = (
    Tool("text", "def run(args): return {'words': len(args['text'].split())}", {"text": "to be or not"}, {"words": 4}),
    Tool("list", "def run(args): return sorted(args, reverse=True)", [3, 1, 2], [3, 2, 1]),
    Tool(
        "email",
        "import re\ndef run(args): return bool(re.fullmatch(r'[^@ ]+@[^@ ]+\\.[a-z]{2,}', args['email']))",
        {"email": "someone@example.com"},
        data=True,
    ),
    Tool("math", "import math\ndef run(args): return math.comb(args['n'], args['k'])", {"n": 10, "k": 3}, 120),
    Tool(
        "dates",
        "import datetime\ndef run(args): return datetime.date.fromisoformat(args).strftime('%A')",
        "2000-02-29",
        "Tuesday",
    ),
)

AS_JSON = json.dumps([asdict(tool) for tool in TOOLS])
"""What the programs below read on stdin; they end with status 0 if each tool returns what it should."""

IN_NODE = """
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { PyRunner } from "pyrunner";

const runner = new PyRunner();
const tools = JSON.parse(readFileSync(0, "utf8"));
for (const { id, code } of tools) await runner.register({ id }, code);
const replies = await Promise.all(tools.map(({ id, args }) => runner.run(id, args)));
assert.deepEqual(replies.map(({ result }) => result.data), tools.map(({ data }) => data));
assert.ok(replies.every(({ isolation }) => isolation.level === "strict"));
await runner.close();
console.log(replies.length, "tools");
"""

IN_PYTHON = """
import json, sys
from sidecar.client import PyRunner

tools = json.load(sys.stdin)
with PyRunner() as runner:
    for tool in tools:
        runner.register(tool["id"], tool["code"])
    replies = [runner.run(tool["id"], tool["args"]) for tool in tools]
assert [reply["result"]["data"] for reply in replies] == [tool["data"] for tool in tools]
assert all(reply["isolation"]["level"] == "strict" for reply in replies)
print(len(replies), "tools")
"""
