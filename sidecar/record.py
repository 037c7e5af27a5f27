"""One run that has ended, as frozen facts.

Counters and log lines, the reply's `usage` and with it the client's events are all made from these.

Invariant: it is made once, and holds nothing of a tool's code, arguments, output or result.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Usage(NamedTuple):
    """The sidecar's own measurements of one call, never the tool's word.

    Its times come one after another: `queue_ms` until its turn, `spawn_ms` until it had a worker, then `wall_ms`, of
    which the tool itself had `run_ms`.
    """

    wall_ms: float
    cpu_ms: float
    max_rss_mb: float
    queue_ms: float
    # All that was held in memory for it, by a cgroup's count; else the most that a watchdog saw, or the resident set.
    peak_memory_mb: float = 0.0
    spawn_ms: float = 0.0
    run_ms: float = 0.0


class RunRecord(NamedTuple):
    """What became of one `run` request: `outcome` is its result's code or, with `is_error`, the kind of its error.

    `usage` is None where no tool had its turn; `encode_ms` is the time for the reply, `total_ms` for all of it.
    """

    run_id: str
    tool_id: str | None
    outcome: str
    total_ms: float
    usage: Usage | None = None
    encode_ms: float = 0.0
    is_error: bool = False
    # Of the host's trace that the run belongs to.
    trace_id: str | None = None


class Recorder(Protocol):
    """Told of each run."""

    def run_ended(self, record: RunRecord) -> None:
        """One run's record, once, before its reply is sent."""
