"""The reply of `run`, put together around the result's bytes: they are finished JSON and are never decoded here.

Invariant: the shape is `RunResult`'s; a test holds the two together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sidecar.server.jsonrpc import encode

if TYPE_CHECKING:
    from sidecar.runner.outcome import CallRecord, Violations


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
                "peakMemoryMB": usage.peak_memory_mb,
                "spawnMs": usage.spawn_ms,
                "runMs": usage.run_ms,
            },
            "isolation": {"level": isolation.level, "layers": isolation.layers},
            **_violations(record.violations),
            "runId": run_id,
        }
    )
    return b"".join((b'{"result":', record.result, b",", rest[1:]))


def _violations(violations: Violations | None) -> dict[str, Any]:
    if violations is None:
        return {}
    listed = [
        {"call": one.call, "argument": one.argument, "policy": one.policy, "count": one.count}
        | ({} if one.line is None else {"line": one.line})
        for one in violations.listed
    ]
    return {"violations": listed} | ({"violationsOmitted": violations.omitted} if violations.omitted else {})
