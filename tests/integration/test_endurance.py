"""Ten thousand calls in one sidecar: nothing grows."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from load import IN_FLIGHT
from processes import resident_kb
from sidecar_process import Message, Sidecar

STANDBY = 4
WARM_UP, TOTAL = 2_000, 10_000

TOOLS = {
    "ok": "def run(args):\n    return args\n",
    "raise": "def run(args):\n    raise ValueError(args)\n",
    "print": "def run(args):\n    print('x' * 2000)\n    open('scratch', 'w').write('y' * 2000)\n    return args\n",
    "exit": "import os\ndef run(args):\n    os._exit(0)\n",
}
MIX = ("ok", "print", "ok", "raise", "ok", "print", "ok", "exit")


@dataclass(frozen=True)
class Footprint:
    """What one sidecar holds of the machine."""

    descriptors: tuple[int, ...]
    processes: int
    mounts: tuple[int, ...]
    files: tuple[str, ...]
    sidecar_kb: int
    zygote_kb: int


def footprint(sidecar: Sidecar, folder: Path) -> Footprint:
    """Measure the sidecar while nothing runs."""
    sidecar.settle(STANDBY)
    (zygote,) = sidecar.zygotes()
    pids = (sidecar.pid, zygote.parent, zygote.pid)
    readable = [pid for pid in pids if os.access(f"/proc/{pid}/fd", os.R_OK)]
    return Footprint(
        descriptors=tuple(len(os.listdir(f"/proc/{pid}/fd")) for pid in readable),  # noqa: PTH208 - only their number
        processes=len(sidecar.processes()),
        mounts=tuple(len(Path(f"/proc/{pid}/mounts").read_text(encoding="utf-8").splitlines()) for pid in readable),
        files=tuple(sorted(str(path) for path in folder.rglob("*"))),
        sidecar_kb=resident_kb(sidecar.pid),
        zygote_kb=resident_kb(zygote.pid),
    )


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
def test_ten_thousand_calls_leave_nothing_behind(tmp_path: Path) -> None:
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
        before = footprint(sidecar, tmp_path)
        calls(sidecar, range(WARM_UP, TOTAL))
        after = footprint(sidecar, tmp_path)
        assert after.descriptors == before.descriptors
        assert after.processes == before.processes == 2 + STANDBY
        assert after.mounts == before.mounts
        assert after.files == before.files == ()
        assert after.sidecar_kb <= before.sidecar_kb * 1.1 + 4096
        assert after.zygote_kb <= before.zygote_kb * 1.1 + 4096
        assert sum(sidecar.call("stats")["runs"].values()) == TOTAL
