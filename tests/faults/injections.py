"""What is broken on purpose, from outside.

Processes are killed and stopped, descriptors and memory used up, and the host does not read.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from processes import Process
    from sidecar_process import Sidecar

    Inflict = Callable[[Sidecar, float], Callable[[], None]]

# How long descriptors or memory are used up, and how long the host does not read: the fault itself, not a wait for it.
_SHORTAGE_S = 0.3
_MARGIN_DESCRIPTORS = 4


@dataclass(frozen=True)
class Fault:
    """`inflict` breaks something; what it returns makes it whole again, and is called some time later."""

    name: str
    weight: int
    inflict: Inflict


def _nothing() -> None:
    pass


def _signal(number: signal.Signals, targets: Callable[[Sidecar], list[Process]]) -> Inflict:
    def inflict(sidecar: Sidecar, chance: float) -> Callable[[], None]:
        found = targets(sidecar)
        if found:
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                os.kill(found[int(chance * len(found))].pid, number)
        return _nothing

    return inflict


def _workers(sidecar: Sidecar) -> list[Process]:
    return sidecar.workers()


def _zygotes(sidecar: Sidecar) -> list[Process]:
    """With the processes that stand in for them outside of their PID namespace."""
    zygotes = sidecar.zygotes()
    parents = {zygote.parent for zygote in zygotes}
    return [process for process in sidecar.processes() if process in zygotes or process.pid in parents]


def _no_descriptors(sidecar: Sidecar, _chance: float) -> Callable[[], None]:
    """EMFILE: for pipes, for sockets, for what comes with a message."""
    taken = max(int(entry.name) for entry in Path(f"/proc/{sidecar.pid}/fd").iterdir())
    soft, hard = resource.prlimit(sidecar.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(sidecar.pid, resource.RLIMIT_NOFILE, (min(taken + _MARGIN_DESCRIPTORS, soft), hard))

    def heal() -> None:
        resource.prlimit(sidecar.pid, resource.RLIMIT_NOFILE, (soft, hard))

    return heal


def _no_memory(sidecar: Sidecar, _chance: float) -> Callable[[], None]:
    """ENOMEM right behind the fork: the zygotes and what is born of them get no page more."""
    zygotes = sidecar.zygotes()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    for zygote in zygotes:
        _limit_address_space(zygote.pid, 1 << 20, hard)

    def heal() -> None:
        for zygote in zygotes:
            _limit_address_space(zygote.pid, soft, hard)

    return heal


def _limit_address_space(pid: int, soft: int, hard: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # it has ended; or this user may not
        resource.prlimit(pid, resource.RLIMIT_AS, (soft, hard))


def _no_reader(_sidecar: Sidecar, _chance: float) -> Callable[[], None]:
    time.sleep(_SHORTAGE_S)
    return _nothing


FAULTS = (
    Fault("kill a worker", 8, _signal(signal.SIGKILL, _workers)),
    Fault("stop a worker", 4, _signal(signal.SIGSTOP, _workers)),
    Fault("kill a zygote", 2, _signal(signal.SIGKILL, _zygotes)),
    Fault("stop a zygote", 1, _signal(signal.SIGSTOP, _zygotes)),
    Fault("no descriptors", 2, _no_descriptors),
    Fault("no memory", 2, _no_memory),
    Fault("no reader", 3, _no_reader),
)
BY_NAME = {fault.name: fault for fault in FAULTS}
