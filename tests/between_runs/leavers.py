"""Calls that bring a text into the sidecar and its workers by each way there is, and end in each way there is."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sidecar.errors import SidecarError

if TYPE_CHECKING:
    from harness import ToolRunner

WIDE = "# \u20ac"
WIDEST = "# \U0001f40d"
TEXT = "TEXT"


@dataclass(frozen=True)
class Leaver:
    """A call; TEXT stands for the text. The kind of code that it ends with is `code`."""

    source: str
    args: Any = None
    ends: str = "ok"
    options: dict[str, Any] = field(default_factory=dict)


ECHO = "def run(args):\n    return args\n"

LEAVERS = {
    "in code": Leaver("kept = 'TEXT'\nclass TEXT: pass\ndef run(args):\n    return 1\n"),
    "in wide code": Leaver(f"kept = 'TEXT' {WIDE}\ndef run(args):\n    return 1\n"),
    "in widest code": Leaver(f"kept = 'TEXT' {WIDEST}\ndef run(args):\n    return 1\n"),
    "in arguments": Leaver("def run(args):\n    return 1\n", {"TEXT": ["TEXT", "TEXT\u20ac", "TEXT\U0001f40d"]}),
    "in its result": Leaver("def run(args):\n    return {'TEXT': args}\n", ["TEXT"]),
    "in a large result": Leaver("def run(args):\n    return args * 40000\n", "TEXT"),
    "in its output": Leaver("import sys\ndef run(args):\n    print(args)\n    print(args, file=sys.stderr)\n", "TEXT"),
    "in an error": Leaver("def run(TEXT):\n    raise ValueError(TEXT)\n", "TEXT", "tool_error"),
    "in a syntax error": Leaver("def run(args):\n    TEXT = 'TEXT' 1\n", None, "syntax_error"),
    "in a hint": Leaver("import TEXT\ndef run(args):\n    return 1\n", None, "tool_error"),
    "in what is no JSON": Leaver("def run(args):\n    return {'TEXT': object()}\n", None, "not_serializable"),
    "without an entry point": Leaver("TEXT = 'TEXT'\n", None, "no_entry_point"),
    "at its deadline": Leaver("def run(args):\n    while True: pass\n", "TEXT", "timeout", {"timeout_ms": 60}),
    "out of memory": Leaver("def run(args):\n    return args * (1 << 30)\n", "TEXT", "memory_limit"),
    "with a signal": Leaver("import os\ndef run(args):\n    kept = args\n    os.abort()\n", "TEXT", "crashed"),
    "with a status": Leaver("import os\ndef run(args):\n    os._exit(77)\n", "TEXT", "exited"),
    "in a file": Leaver("def run(args):\n    open(args, 'w').write(args)\n    return 1\n", "TEXT"),
    "in its directory": Leaver(ECHO, 1, "ok", {"working_dir": "/tmp/TEXT"}),
    "in its id": Leaver(ECHO, 1, "ok", {"tool_id": "TEXT"}),
}


def holding(text: str) -> str:
    """A tool that has the text in memory, says that it is there, and stays."""
    return (
        f"import time\nkept = {text!r}\ndef run(args):\n"
        """    print('ready {"hint": 0, "left": 0}', flush=True)\n    time.sleep(20)\n"""
    )


def leave(tools: ToolRunner, text: str) -> dict[str, str]:
    """Make every call, and check one tool that is right and one that is wrong; the code that each call ended with."""
    codes = {}
    for kind, leaver in LEAVERS.items():
        filled = _fill(leaver, text)
        codes[kind] = tools.run(filled.source, filled.args, **filled.options).code
    for source in (f"def run({text}):\n    return '{text}'\n", f"def run(args):\n    '{text}' 1\n"):
        with contextlib.suppress(SidecarError):
            tools.check(source)
    return codes


def _fill(leaver: Leaver, text: str) -> Leaver:
    return Leaver(
        leaver.source.replace(TEXT, text), _replaced(leaver.args, text), leaver.ends, _replaced(leaver.options, text)
    )


def _replaced(value: Any, text: str) -> Any:
    if isinstance(value, str):
        return value.replace(TEXT, text)
    if isinstance(value, list):
        return [_replaced(one, text) for one in value]
    if isinstance(value, dict):
        return {_replaced(key, text): _replaced(one, text) for key, one in value.items()}
    return value
