"""The reply of `run`, put together around the result's bytes: they are finished JSON and are never decoded here.

Invariant: the shape is `RunResult`'s; a test holds the two together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.server.jsonrpc import encode

if TYPE_CHECKING:
    from sidecar.runner.outcome import CallRecord


def run_reply(record: CallRecord, run_id: str) -> bytes:
    """Return `RunResult` as JSON."""
    usage, isolation = record.usage, record.isolation
    rest = encode(
        {
            "stdout": record.stdout,
            "stderr": record.stderr,
            "stdoutTruncated": record.stdout_truncated,
            "stderrTruncated": record.stderr_truncated,
            "usage": {
                "wallMs": usage.wall_ms,
                "cpuMs": usage.cpu_ms,
                "maxRssMB": usage.max_rss_mb,
                "queueMs": usage.queue_ms,
            },
            "isolation": {"level": isolation.level, "layers": isolation.layers},
            "runId": run_id,
        }
    )
    return b"".join((b'{"result":', record.result, b",", rest[1:]))
