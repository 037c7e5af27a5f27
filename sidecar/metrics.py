"""Counters of the process, fed by events: plain numbers that `stats` reports. No metrics library, nothing per tool."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from pathlib import Path
from typing import Protocol

BOUNDS_MS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000)


class MeasuredUsage(Protocol):
    """The part of a call's usage that is counted."""

    @property
    def wall_ms(self) -> float: ...  # noqa: D102 - named by its type
    @property
    def queue_ms(self) -> float: ...  # noqa: D102 - named by its type


class EndedCall(Protocol):
    """The part of a call's record that is counted; the runner's `CallRecord` has it."""

    @property
    def code(self) -> str: ...  # noqa: D102 - named by its type
    @property
    def usage(self) -> MeasuredUsage: ...  # noqa: D102 - named by its type


class Histogram:
    """Counts of durations in fixed buckets."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_MS) + 1)
        self.sum_ms = 0.0

    def add(self, value_ms: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(BOUNDS_MS, value_ms)] += 1
        self.sum_ms += value_ms


class Metrics:
    """What has happened since the sidecar started."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.requests: Counter[str] = Counter()
        self.runs: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.wall = Histogram()
        self.queue = Histogram()

    def call_ended(self, record: EndedCall, tool_id: str | None) -> None:  # noqa: ARG002 - part of the runner's Recorder
        """Count one finished call by its outcome."""
        self.runs[record.code] += 1
        self.wall.add(record.usage.wall_ms)
        self.queue.add(record.usage.queue_ms)

    def call_refused(self, code: str) -> None:
        """Count a call that ended before it reached a worker."""
        self.runs[code] += 1

    def request(self, method: str) -> None:
        """Count a request for a method that exists; unknown names would let a host grow the table without end."""
        self.requests[method] += 1

    def error(self, kind: str) -> None:
        """Count an error reply."""
        self.errors[kind] += 1

    def uptime_ms(self) -> int:
        """Return the time since the start."""
        return int((time.monotonic() - self._started) * 1000)


def resident_bytes() -> int:
    """Return this process's resident memory, or 0 where the kernel does not say."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
