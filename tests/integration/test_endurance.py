"""Ten thousand calls in one sidecar (ENDURANCE_CALLS): nothing grows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from footprint import Footprint
from load import IN_FLIGHT
from sidecar_process import Message, Sidecar

if TYPE_CHECKING:
    from pathlib import Path

STANDBY = 4
WARM_UP = 2_000
TOTAL = int(os.environ.get("ENDURANCE_CALLS") or 10_000)

TOOLS = {
    "ok": "def run(args):\n    return args\n",
    "raise": "def run(args):\n    raise ValueError(args)\n",
    "print": "def run(args):\n    print('x' * 2000)\n    open('scratch', 'w').write('y' * 2000)\n    return args\n",
    "exit": "import os\ndef run(args):\n    os._exit(0)\n",
}
MIX = ("ok", "print", "ok", "raise", "ok", "print", "ok", "exit")


def calls(sidecar: Sidecar, numbers: range) -> None:
    """Run the mix with eight calls in flight, checking each answer."""
    waiting: dict[int, int] = {}
    for number in numbers:
        waiting[start(sidecar, number)] = number
        if len(waiting) == IN_FLIGHT:
            check(sidecar.receive(), waiting)
    while waiting:
        check(sidecar.receive(), waiting)


def start(sidecar: Sidecar, number: int) -> int:
    return sidecar.start("run", id=MIX[number % len(MIX)], args=number)


def check(message: Message, waiting: dict[int, int]) -> None:
    number = waiting.pop(message["id"])
    result = message["result"]["result"]
    kind = MIX[number % len(MIX)]
    if kind == "raise":
        assert (result["error"]["code"], result["error"]["message"]) == ("tool_error", str(number))
    elif kind == "exit":
        assert result["error"]["code"] == "exited"
    else:
        assert result == {"ok": True, "data": number}


@pytest.mark.timeout(180)
def test_thousands_of_calls_leave_nothing_behind(tmp_path: Path) -> None:
    environ = {
        "PYRUNNER_MAX_CONCURRENCY": str(IN_FLIGHT),
        "PYRUNNER_STANDBY_WORKERS": str(STANDBY),
        "TMPDIR": str(tmp_path),
        "HOME": str(tmp_path),
    }
    with Sidecar(environ, cwd=tmp_path) as sidecar:
        for name, code in TOOLS.items():
            sidecar.call("register", id=name, code=code)
        calls(sidecar, range(WARM_UP))
        before = Footprint.of(sidecar, tmp_path, STANDBY)
        calls(sidecar, range(WARM_UP, TOTAL))
        after = Footprint.of(sidecar, tmp_path, STANDBY)
        after.assert_not_above(before, slack_descriptors=STANDBY)
        assert after.processes == 2 + STANDBY
        assert sum(sidecar.call("stats")["runs"].values()) == TOTAL
