"""Limits that no layer of the kernel holds here, watched from outside: memory without a cgroup, files without a quota.

Weaker than a layer, and reported under its own name: between two looks a tool can take more than its limit, as much as
it can write in that time. Each look is bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sidecar.runner.cgroups import SLACK_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.config import Limits
    from sidecar.runner.worker import Worker

MEMORY, SCRATCH, THREADS = "memory_watchdog", "scratch_watchdog", "threads_watchdog"

_PERIOD_S = 0.02
_MOST_OF_TIME = 10  # looking takes at most a tenth
_BLOCK_BYTES = 512
_LONGEST_PAUSE_S = 0.1
_COUNTED = ("RssAnon", "RssShmem", "VmPTE", "VmSwap")  # proc_pid_status(5), in KiB
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEPEST = 64
# Of their own: elsewhere, what hostile tools have left is being removed, for as long as that takes.
_LOOKERS = ThreadPoolExecutor(4, "watchdog")


class Watchdog:
    """Looks after one call; `stop` it when the call has ended."""

    def __init__(
        self, worker: Worker, limits: Limits, max_memory_bytes: int, on_exceeded: Callable[[str], None]
    ) -> None:
        """`on_exceeded` is called once, with MEMORY, SCRATCH or THREADS."""
        self._worker = worker
        self._limits = limits
        self._max_memory_bytes = max_memory_bytes
        self._on_exceeded = on_exceeded
        self.peak_bytes: int | None = None
        self._pid: int | None = None
        self._task: asyncio.Task[None] | None = None
        if worker.share.scratch_path or not worker.share.counts_memory:
            self._task = asyncio.get_running_loop().create_task(self._watch())

    def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()

    async def _watch(self) -> None:
        pause_s = _PERIOD_S
        self._pid = self._worker.pid
        base = holdings(self._pid)
        exceeded = None
        while exceeded is None:
            await asyncio.sleep(pause_s)
            started = time.perf_counter()
            exceeded = self._process(base.memory_bytes) or await self._scratch()
            pause_s = min(max(_PERIOD_S, (time.perf_counter() - started) * _MOST_OF_TIME), _LONGEST_PAUSE_S)
        self._on_exceeded(exceeded)

    def _process(self, base_bytes: int) -> str | None:
        held = holdings(self._pid)
        if held.threads > self._limits.max_threads + 1:
            return THREADS
        if self._worker.share.counts_memory or not held.threads:
            return None
        used = held.memory_bytes + self._worker.share.scratch_bytes
        self.peak_bytes = max(self.peak_bytes or 0, used)
        return MEMORY if used - base_bytes > self._max_memory_bytes + SLACK_BYTES else None

    async def _scratch(self) -> str | None:
        path = self._worker.share.scratch_path
        if not path:
            return None
        limits = self._limits
        sizes = limits.scratch_max_bytes, limits.scratch_max_inodes
        within = await asyncio.get_running_loop().run_in_executor(_LOOKERS, fits, path, *sizes)
        return None if within else SCRATCH


class Holdings(NamedTuple):
    """What a process holds: memory of its own, page tables and swap included, and threads; none where it is gone."""

    memory_bytes: int = 0
    threads: int = 0


def watched(worker: Worker) -> tuple[str, ...]:
    """What a watchdog will see of `worker`, by trying: the names that its reply reports."""
    memory = not worker.share.counts_memory and holdings(worker.pid).threads
    return (*((MEMORY,) if memory else ()), *((SCRATCH,) if worker.share.scratch_path else ()))


def holdings(pid: int | None) -> Holdings:
    """Ask /proc. A process whose first thread has ended shows its memory in the others only."""
    if pid is None:
        return Holdings()
    found = _fields(f"/proc/{pid}/status")
    if found and "RssAnon" not in found:
        with contextlib.suppress(OSError):
            tasks = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - names are all that is wanted
            others = (_fields(f"/proc/{pid}/task/{task}/status") for task in tasks)
            found = next((other for other in others if "RssAnon" in other), found)
    return Holdings(sum(found.get(name, 0) for name in _COUNTED) * 1024, found.get("Threads", 0))


def _fields(path: str) -> dict[str, int]:
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.split()[:2] for line in lines if line.count("\t") and len(line.split()) > 1)
    return {name.rstrip(":"): int(value) for name, value in pairs if value.isdigit()}


def fits(path: str, max_bytes: int, max_inodes: int) -> bool:
    """Whether the tree below `path` is within both, whatever its maker does to it meanwhile.

    No link is followed and no path gets long; a tree in which nobody can look (too deep, a mode, an odd error) is not.
    """
    try:
        top = os.open(path, _DIRECTORY)
    except FileNotFoundError:
        return True
    budget = [max_bytes, max_inodes]
    try:
        return _fits(top, budget, _DEEPEST)
    except OSError:
        return False
    finally:
        os.close(top)


def _fits(directory: int, budget: list[int], depth: int) -> bool:
    with os.scandir(directory) as entries:
        for entry in entries:
            try:
                budget[0] -= entry.stat(follow_symlinks=False).st_blocks * _BLOCK_BYTES
                budget[1] -= 1
                if min(budget) < 0 or depth == 0:
                    return False
                if entry.is_dir(follow_symlinks=False) and not _below(directory, entry.name, budget, depth):
                    return False
            except FileNotFoundError:
                continue  # removed meanwhile
    return True


def _below(parent: int, name: str, budget: list[int], depth: int) -> bool:
    try:
        inner = os.open(name, _DIRECTORY, dir_fd=parent)
    except PermissionError:
        # Made with a mode that let nobody write into it, ever: modes cannot be changed in there.
        mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
        return mode & stat.S_IRWXU & ~stat.S_IRUSR != stat.S_IWUSR | stat.S_IXUSR
    try:
        return _fits(inner, budget, depth - 1)
    finally:
        os.close(inner)
