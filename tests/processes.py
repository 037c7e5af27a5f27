"""What the kernel says of processes: who descends from whom, how much memory they hold, and when they are dead."""

from __future__ import annotations

import os
import re
import select
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Self


@dataclass(frozen=True)
class Process:
    """A process as /proc/<pid>/stat describes it."""

    pid: int
    parent: int
    threads: int


def descendants(ancestor: int) -> list[Process]:
    """Return the living descendants of a process, parents first."""
    children: dict[int, list[Process]] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208 - hundreds of names, often
        if entry.isdigit():
            process = _process(int(entry))
            if process is not None:
                children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    parents = [ancestor]
    while parents:
        born = children.get(parents.pop(), [])
        found += born
        parents += [process.pid for process in born]
    return found


def resident_kb(pid: int) -> int:
    """Return a process's resident memory."""
    found = re.search(r"^VmRSS:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(encoding="ascii"), re.MULTILINE)
    assert found is not None
    return int(found[1])


class Watch:
    """Pidfds of processes, taken while they live, so that their deaths are the kernel's word."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._pidfds = {os.pidfd_open(pid): pid for pid in dict.fromkeys(pids)}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pidfd in self._pidfds:
            os.close(pidfd)

    def survivors(self, timeout_s: float) -> list[int]:
        """Wait until all are dead, `timeout_s` at most; return those that are not."""
        deadline = time.monotonic() + timeout_s
        return [pid for pidfd, pid in self._pidfds.items() if not readable(pidfd, deadline)]


def _process(pid: int) -> Process | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None  # it ended meanwhile
    fields = stat[stat.rindex(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else Process(pid, int(fields[1]), int(fields[17]))


def readable(descriptor: int, deadline: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(until(deadline)))


def until(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0) * 1000
