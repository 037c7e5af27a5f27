"""What the kernel shows of a sidecar beside its processes: namespaces, cgroups, sockets.

Taken while it lives, and looked for afterwards. Mounts live in mount namespaces, and are gone with
the last process in one.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from processes import descendants

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sidecar_process import Sidecar

_NAMESPACES = ("pid", "mnt", "net", "ipc", "uts", "user")
_CGROUP_ROOT = Path("/sys/fs/cgroup")


class Traces:
    """Those of one sidecar and all that it has started by now."""

    def __init__(self, sidecar: Sidecar) -> None:
        pids = [sidecar.pid, *(process.pid for process in sidecar.processes())]
        # Held open, or the kernel would give their numbers to the next ones that anybody makes.
        self._held = contextlib.ExitStack()
        self._namespaces = {link for pid in pids for link in self._hold(pid)} - set(_namespaces(os.getpid()))
        self._cgroups = {path for pid in pids for path in _cgroups(pid)} - set(_cgroups(os.getpid()))
        self._sockets = {link for link in _descriptors(sidecar.pid) if link.startswith("socket:")}
        assert self._namespaces
        assert self._sockets

    def left(self) -> list[str]:
        """Return what is still there."""
        with self._held:
            return self._left()

    def _left(self) -> list[str]:
        living = [process.pid for process in descendants(0)]  # a dead one that nobody has reaped keeps its links
        namespaces = {link for pid in living for link in _namespaces(pid)} & self._namespaces
        unix = {f"socket:[{line.split()[6]}]" for line in Path("/proc/net/unix").read_text("utf-8").splitlines()[1:]}
        cgroups = {str(path) for path in self._cgroups if path.exists()}
        return sorted(namespaces | cgroups | (unix & self._sockets))

    def _hold(self, pid: int) -> Iterator[str]:
        for name in _NAMESPACES:
            with contextlib.suppress(OSError):
                self._held.callback(os.close, os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY))
        yield from _namespaces(pid)


def _namespaces(pid: int) -> Iterator[str]:
    for name in _NAMESPACES:
        try:
            yield os.readlink(f"/proc/{pid}/ns/{name}")  # noqa: PTH115 - a magic link
        except OSError:
            continue  # it has ended, or belongs to somebody else


def _cgroups(pid: int) -> Iterator[Path]:
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        for root in (_CGROUP_ROOT, _CGROUP_ROOT / "unified", _CGROUP_ROOT / controllers.removeprefix("name=")):
            yield root / path.lstrip("/")


def _descriptors(pid: int) -> Iterator[str]:
    for entry in os.scandir(f"/proc/{pid}/fd"):
        try:
            yield os.readlink(entry.path)  # noqa: PTH115 - a magic link
        except OSError:
            continue  # closed meanwhile
