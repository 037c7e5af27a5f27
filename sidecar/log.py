"""Logging: one JSON object a line on stderr, and never a tool's code, arguments, output or result.

Invariant: a host that does not read its end of stderr loses lines; it never stops the event loop.
"""

from __future__ import annotations

import json
import logging
import os
import select
import time
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sidecar.record import RunRecord

_runs = logging.getLogger("sidecar.runs")

# A pipe that polls as writable takes this much without blocking (PIPE_BUF).
_MAX_LINE_BYTES = 4096


class JsonLines(logging.Handler):
    """Writes records to a descriptor; `extra={"fields": {…}}` adds members."""

    def __init__(self, fd: int = 2) -> None:
        super().__init__()
        self._fd = fd

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line, or drop it when that would block."""
        try:
            line = self.format(record).encode("utf-8", "backslashreplace")
            if len(line) >= _MAX_LINE_BYTES:
                line = self.format(_shortened(record)).encode()
            poll = select.poll()
            poll.register(self._fd, select.POLLOUT)
            if poll.poll(0):
                os.write(self._fd, line + b"\n")
        except OSError:
            pass  # stderr is gone; there is nobody to tell

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        line = {
            "ts": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line |= _where(record.exc_info[1])
        return json.dumps(line, default=repr)


def configure(level: str) -> None:
    """Send the process's log to stderr, from `level` on. pygls logs whole messages, so it is silenced."""
    root = logging.getLogger()
    root.handlers[:] = [JsonLines()]
    root.setLevel(level.upper())
    for name in ("pygls", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


class RunLog:
    """A line at level `info` for each run. Below that level it costs one comparison."""

    def run_ended(self, record: RunRecord) -> None:
        """Write the run's record."""
        if _runs.isEnabledFor(logging.INFO):
            _runs.info("run", extra={"fields": _run_fields(record)})


def _run_fields(record: RunRecord) -> dict[str, object]:
    # Named as on the wire, so that a line and a reply's `usage` can be laid side by side.
    fields: dict[str, object] = {"runId": record.run_id, "tool": record.tool_id, "outcome": record.outcome}
    if record.trace_id is not None:
        fields["traceId"] = record.trace_id
    usage = record.usage
    if usage is not None:
        fields |= {
            "queueMs": usage.queue_ms,
            "spawnMs": usage.spawn_ms,
            "runMs": usage.run_ms,
            "wallMs": usage.wall_ms,
            "encodeMs": round(record.encode_ms, 3),
            "cpuMs": usage.cpu_ms,
            "maxRssMB": usage.max_rss_mb,
            "peakMemoryMB": usage.peak_memory_mb,
        }
    return {**fields, "totalMs": round(record.total_ms, 3)}


def _where(error: BaseException) -> dict[str, object]:
    # The exception's text may quote what the host sent, so its type and its place have to do.
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return {"error": type(error).__name__, "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]}


def _shortened(record: logging.LogRecord) -> logging.LogRecord:
    return logging.makeLogRecord(
        {
            "name": record.name,
            "levelname": record.levelname,
            "created": record.created,
            "msecs": record.msecs,
            "msg": record.getMessage()[:1024].replace("%", "%%"),
        }
    )
