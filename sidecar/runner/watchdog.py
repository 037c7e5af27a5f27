"""Limits that no layer of the kernel holds here, watched from outside: memory without a cgroup, files without a quota.

Weaker than a layer, and reported under its own name: between two looks a tool can take more than its limit, as much as
it can write in that time. Each look is bounded, and so is the share of the time that is spent looking.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sidecar.runner.cgroups import SLACK_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.config import Limits
    from sidecar.runner.worker import Worker

MEMORY, SCRATCH = "memory_watchdog", "scratch_watchdog"

_PERIOD_S = 0.02
_MOST_OF_TIME = 10  # looking takes at most a tenth
_BLOCK_BYTES = 512
_COUNTED = frozenset({"RssAnon:", "RssShmem:", "VmPTE:", "VmSwap:"})  # proc_pid_status(5), in KiB


class Watchdog:
    """Looks after one call; `stop` it when the call has ended."""

    def __init__(
        self, worker: Worker, limits: Limits, max_memory_bytes: int, on_exceeded: Callable[[str], None]
    ) -> None:
        """`on_exceeded` is called once, with MEMORY or SCRATCH."""
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
        base_bytes = used_memory_bytes(self._pid) or 0
        while True:
            await asyncio.sleep(pause_s)
            started = time.perf_counter()
            exceeded = self._memory(base_bytes) or await self._scratch()
            if exceeded:
                self._on_exceeded(exceeded)
                return
            pause_s = max(_PERIOD_S, (time.perf_counter() - started) * _MOST_OF_TIME)

    def _memory(self, base_bytes: int) -> str | None:
        if self._worker.share.counts_memory:
            return None
        used = used_memory_bytes(self._pid)
        if used is None:
            return None
        used += self._worker.share.scratch_bytes
        self.peak_bytes = max(self.peak_bytes or 0, used)
        return MEMORY if used - base_bytes > self._max_memory_bytes + SLACK_BYTES else None

    async def _scratch(self) -> str | None:
        path = self._worker.share.scratch_path
        if not path:
            return None
        limits = self._limits
        within = await asyncio.to_thread(fits, path, limits.scratch_max_bytes, limits.scratch_max_inodes)
        return None if within else SCRATCH


def watched(worker: Worker) -> tuple[str, ...]:
    """What a watchdog will see of `worker`, by trying: the names that its reply reports."""
    memory = not worker.share.counts_memory and used_memory_bytes(worker.pid) is not None
    return (*((MEMORY,) if memory else ()), *((SCRATCH,) if worker.share.scratch_path else ()))


def used_memory_bytes(pid: int | None) -> int | None:
    """What a process holds in memory of its own, page tables and swap included; None where /proc does not say."""
    if pid is None:
        return None
    with contextlib.suppress(OSError, ValueError):
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines()
        fields = [line.split() for line in lines]
        return sum(int(field[1]) * 1024 for field in fields if field and field[0] in _COUNTED)
    return None


def fits(path: str, max_bytes: int, max_inodes: int) -> bool:
    """Whether the tree below `path` is within both. Looks at `max_inodes` entries at most, whatever is there."""
    used = inodes = 0
    pending = [path]
    while pending:
        try:
            entries = list(itertools.islice(os.scandir(pending.pop()), max_inodes + 1))
        except FileNotFoundError:
            continue  # removed meanwhile
        except OSError:
            return False  # made so that nobody can look: too deep, or unreadable
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                used += entry.stat(follow_symlinks=False).st_blocks * _BLOCK_BYTES
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
        inodes += len(entries)
        if inodes > max_inodes or used > max_bytes:
            return False
    return True
