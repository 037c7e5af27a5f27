"""Memory cgroups: where one of ours can be made, and each worker's limit, peak and end.

cgroup-v1/memory and cgroup-v2 of the kernel's documents. A worker moves itself into its own (worker/jail/cgroups.py);
from here come what needs the file system. The kernel counts all that it holds for the group: heap, files in tmpfs,
page tables, pipes.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sidecar.runner.locked import LockedDirectory
from sidecar.runner.mount_namespaces import LITTLE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

# What the kernel holds for a worker besides the tool's own memory: copied pages of the interpreter, page tables.
SLACK_BYTES = 16 * 1024 * 1024
_SLACK_SHARE = 64
_REMOVAL_S = 0.1

_V2_ROOTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
_V1_ROOT = "/sys/fs/cgroup/memory"


class Files(NamedTuple):
    """What the interface files of one version are called."""

    limit: str
    usage: str
    peak: str
    events: str
    kills_key: bytes


V1 = Files(
    "memory.limit_in_bytes", "memory.usage_in_bytes", "memory.max_usage_in_bytes", "memory.oom_control", b"oom_kill"
)
V2 = Files("memory.max", "memory.current", "memory.peak", "memory.events", b"oom_kill")


class Spent(NamedTuple):
    """What the kernel counted for a worker that is dead; `peak_bytes` is None where nobody counted.

    `left_bytes`, at most, outlive it: files in its scratch directory, for as long as somebody holds its mounts.
    """

    peak_bytes: int | None = None
    oom_killed: bool = False
    left_bytes: int = 0


class MemoryCgroup:
    """A cgroup of this sidecar's, with one for each worker below it. Close it when all of them are dead."""

    def __init__(self, parent: str) -> None:
        """Make it below `parent`. OSError where that cannot be, or memory is not counted there."""
        self._directory = LockedDirectory(parent, 0o700, _remove)
        self._directory.sweep()
        self.path = self._directory.path
        # Numbers of workers that are dead and whose cgroups are still there.
        self.dead: set[int] = set()
        self._base_bytes: int | None = None
        self._peaks: dict[int, int] = {}
        self._closed = False
        v2 = Path(self.path, "cgroup.controllers").exists()
        self._files = V2 if v2 else V1
        try:
            if v2:
                _write(f"{self.path}/cgroup.subtree_control", b"+memory")
            elif not Path(self.path, V1.limit).exists():
                raise OSError(f"{parent} does not count memory")
        except OSError:
            self.close()
            raise

    def limit(self, number: int, max_bytes: int) -> None:
        """Let worker `number`, which waits for its call, have `max_bytes` more, and what the kernel itself needs.

        OSError where it is dead.
        """
        if number in self.dead:
            raise FileNotFoundError(f"worker {number} is dead")
        group = f"{self.path}/{number}"
        if self._base_bytes is None:
            # Each of a zygote's workers has used the same until then.
            self._base_bytes = int(_read(f"{group}/{self._files.usage}"))
        allowed = self._base_bytes + max_bytes + SLACK_BYTES + max_bytes // _SLACK_SHARE
        _write(f"{group}/{self._files.limit}", b"%d" % allowed)
        if number not in self._peaks:
            # Opened ahead: a reply waits for what is read there.
            with contextlib.suppress(FileNotFoundError):  # memory.peak is of Linux 5.19
                self._peaks[number] = os.open(f"{group}/{self._files.peak}", os.O_RDONLY | os.O_CLOEXEC)
            if self._closed:
                self._close_peaks()

    def finish(self, number: int, *, had_answered: bool) -> Spent:
        """Worker `number` is dead: what it took, and whether the kernel killed it for that unless it `had_answered`.

        Its number is taken until `remove_dead` has removed its cgroup.
        """
        self.dead.add(number)
        peak = self._peaks.pop(number, None)
        try:
            group = f"{self.path}/{number}"
            kills = 0 if had_answered else self._kills(group)
            peak_bytes = None if peak is None else int(os.read(peak, 64))
            return Spent(peak_bytes, kills > 0, self._left_bytes(group, peak_bytes))
        except (OSError, ValueError):
            return Spent()  # refused before it had one
        finally:
            if peak is not None:
                os.close(peak)

    def _left_bytes(self, group: str, peak_bytes: int | None) -> int:
        base_bytes = self._base_bytes or 0
        if peak_bytes is not None and peak_bytes <= base_bytes + LITTLE_BYTES:
            return max(peak_bytes - base_bytes, 0)  # as most calls: what is left cannot be more, and nobody need ask
        return max(int(_read(f"{group}/{self._files.usage}")) - base_bytes, 0)

    def _kills(self, group: str) -> int:
        events = _read(f"{group}/{self._files.events}").split()
        return int(events[events.index(self._files.kills_key) + 1]) if self._files.kills_key in events else 0

    def remove_dead(self) -> None:
        """Remove the cgroups of workers that are dead."""
        # A process that is dead by every other word may be in its cgroup for some microseconds more.
        self.dead = {number for number in self.dead if not _is_gone(f"{self.path}/{number}")}

    def close(self) -> None:
        """Remove it, in whichever thread: a worker that a dead zygote has left may be given its limit meanwhile."""
        self._closed = True
        self._close_peaks()
        self._directory.close()

    def _close_peaks(self) -> None:
        with contextlib.suppress(KeyError):  # the other thread was faster
            while self._peaks:
                os.close(self._peaks.popitem()[1])


def find(setting: str) -> tuple[MemoryCgroup | None, str]:
    """A cgroup of our own as `Config.cgroup` asks for, or None and why there is none."""
    if setting == "off":
        return None, "PYRUNNER_CGROUP=off"
    reasons = []
    for parent in [setting] if setting != "auto" else _candidates():
        try:
            return MemoryCgroup(parent), ""
        except OSError as error:
            reasons.append(f"{parent}: {error.strerror or error}")
    return None, "; ".join(reasons) or "no memory controller is mounted below /sys/fs/cgroup"


def _candidates() -> Iterator[str]:
    """Our own cgroup in v1; in v2 the one above it first, since one with processes in it cannot be divided."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, own = line.split(":", 2)
        if controllers == "":
            above = own.rpartition("/")[0]
            places = [f"{root}{path}" for root in _V2_ROOTS for path in (above, own)]
            yield from (place for place in places if _counts_memory(place))
        elif "memory" in controllers.split(","):
            # A container may see its own as the root.
            yield from (place for place in (f"{_V1_ROOT}{own}", _V1_ROOT) if Path(place).is_dir())


def _counts_memory(place: str) -> bool:
    try:
        return b"memory" in _read(f"{place}/cgroup.controllers").split()
    except OSError:
        return False


def _remove(path: str) -> None:
    """Remove a cgroup and those below it, whose processes are dead or about to be."""
    for entry in os.scandir(path):
        deadline = time.monotonic() + _REMOVAL_S
        while entry.is_dir(follow_symlinks=False) and not _is_gone(entry.path) and time.monotonic() < deadline:
            time.sleep(_REMOVAL_S / 100)
    Path(path).rmdir()


def _is_gone(path: str) -> bool:
    try:
        os.rmdir(path)  # noqa: PTH106 - once for each call
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)


def _write(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)
