"""Counters of the process, fed by events: plain numbers that `stats` reports. No metrics library, nothing per tool."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sidecar.record import RunRecord

BOUNDS_MS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000)


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
        self.spawn = Histogram()
        self.run = Histogram()
        self.encode = Histogram()

    def run_ended(self, record: RunRecord) -> None:
        """Count one run by its outcome. One that ended in an error is counted with its reply, as every error is."""
        usage = record.usage
        if not record.is_error:
            self.runs[record.outcome] += 1
        if usage is None:
            return
        self.queue.add(usage.queue_ms)
        if usage.wall_ms:  # else it waited in the queue until its deadline
            self.spawn.add(usage.spawn_ms)
            self.run.add(usage.run_ms)
            self.wall.add(usage.wall_ms)
            self.encode.add(record.encode_ms)

    def request(self, method: str) -> None:
        """Count a request for a method that exists; unknown names would let a host grow the table without end."""
        self.requests[method] += 1

    def error(self, kind: str) -> None:
        """Count an error reply."""
        self.errors[kind] += 1

    def uptime_ms(self) -> int:
        """Return the time since the start."""
        return int((time.monotonic() - self._started) * 1000)
