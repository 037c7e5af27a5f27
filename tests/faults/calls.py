"""The kinds of calls, each with its tool and with the one outcome that it may have while nothing is broken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar_process import Message

STDOUT_MAX_BYTES = 64 * 1024
SCRATCH_MAX_BYTES = 1024 * 1024
# Long for a busy machine, short for a process that was stopped.
TIMEOUT_MS = 6_000


@dataclass(frozen=True)
class Kind:
    """`is_right` looks at the whole message and the call's number."""

    name: str
    weight: int
    code: str
    is_right: Callable[[Message, int], bool]
    args: Callable[[int], Any] = lambda number: number
    params: dict[str, Any] = field(default_factory=dict)


def _returns(expected: Callable[[int], Any]) -> Callable[[Message, int], bool]:
    return lambda message, number: message["result"]["result"] == {"ok": True, "data": expected(number)}


def _fails(code: str, text: str = "") -> Callable[[Message, int], bool]:
    def is_right(message: Message, number: int) -> bool:
        error = message["result"]["result"]["error"]
        return bool(error["code"] == code and text.format(number) in error["message"])

    return is_right


def _flooded(message: Message, number: int) -> bool:
    result = message["result"]
    own = f"{number:08}\n" * 10
    return bool(
        result["result"] == {"ok": True, "data": number}
        and result["stdout"].startswith(own)
        and len(result["stdout"]) <= STDOUT_MAX_BYTES
        and result["stdoutTruncated"]
    )


def _is_cancelled(message: Message, _number: int) -> bool:
    return bool(message["error"]["data"]["kind"] == "cancelled")


def large(number: int) -> str:
    """A megabyte that no other call has."""
    return f"{number:08}" * (1 << 17)


_ECHO = "def run(args):\n    return args\n"
_RAISE = "def run(args):\n    raise ValueError('own number %d' % args)\n"
_SPIN = "def run(args):\n    while True: pass\n"
_MEMORY = "def run(args):\n    return len(bytearray(500 << 20))\n"
_CRASH = "import ctypes\ndef run(args):\n    ctypes.string_at(8)\n"
_EXIT = "import os\ndef run(args):\n    os._exit(args % 100)\n"
_FLOOD = "def run(args):\n    for _ in range(300):\n        print(('%08d' % args + chr(10)) * 100)\n    return args\n"

_SLEEP = "import time\ndef run(args):\n    time.sleep(60)\n"
_DISK = "def run(args):\n    for n in range(8):\n        open('full%d' % n, 'wb').write(b'x' * (1 << 18))\n"
_FILES = (
    "import os\ndef run(args):\n    assert os.listdir() == []\n    open('own', 'w').write(str(args))\n"
    "    return open('own').read()\n"
)

KINDS = (
    Kind("ok", 40, _ECHO, _returns(lambda number: number)),
    Kind("raise", 12, _RAISE, _fails("tool_error", "own number {}")),
    Kind("files", 8, _FILES, _returns(str)),
    Kind("large", 5, _ECHO, _returns(large), args=large),
    Kind("cancel", 8, _SLEEP, _is_cancelled),
    Kind("flood", 5, _FLOOD, _flooded),
    Kind("exit", 5, _EXIT, _fails("exited")),
    Kind("crash", 5, _CRASH, _fails("crashed")),
    Kind("memory", 5, _MEMORY, _fails("memory_limit"), params={"maxMemoryMB": 64}),
    Kind("disk", 4, _DISK, _fails("tool_error", "No space left")),
    Kind("timeout", 3, _SPIN, _fails("timeout"), params={"timeout": 300}),
)
BY_NAME = {kind.name: kind for kind in KINDS}

# What a call may meet in place of its own outcome when something was broken under it.
_DISTURBED_RESULTS = frozenset({"crashed", "timeout"})


def is_excused(message: Message, kind: Kind) -> bool:
    """Whether a call that something was done to has met an end that this may have: a clear, retryable error."""
    if "error" in message:
        data = message["error"]["data"]
        # A tool may be cancelled whatever was done to it, and a sidecar out of descriptors cannot start a process.
        return bool(
            (data["kind"] == "internal_error" and data.get("retryable") is True and "mayHaveRun" in data)
            or data["kind"] == "sandbox_unavailable"
        )
    result = message["result"]["result"]
    return result["ok"] is False and result["error"]["code"] in _DISTURBED_RESULTS | {"memory_limit"} & {kind.name}
