"""What a runner, a tool and a call may set: each wins over the one before, and all over the sidecar's environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from sidecar.client.environment import interpreter

if TYPE_CHECKING:
    from collections.abc import Mapping

TOOL_NAMES = {
    "timeout_ms": "timeout",
    "max_memory_mb": "maxMemoryMB",
    "min_isolation": "minIsolation",
    "python_path": "pythonPath",
    "working_dir": "workingDir",
}
RUN_NAMES = {**TOOL_NAMES, "run_id": "runId", "traceparent": "traceparent"}


class LimitOptions(TypedDict, total=False):
    """Of a call. None counts as not given."""

    timeout_ms: int | None
    """Wall time of one call in milliseconds, its wait in the queue included."""
    max_memory_mb: int | None
    """Memory of one call in MiB."""
    min_isolation: Literal["strict", "process"] | None
    """The weakest isolation that is accepted; what cannot have it raises `SandboxUnavailable`."""


class RunOptions(LimitOptions, total=False):
    """Of a call alone."""

    run_id: str | None
    """What this run is called in `stats` and in the log; no two in flight may have one."""
    traceparent: str | None
    """A W3C trace context (`00-…`) that this run belongs to; the sidecar's log lines then have its trace id."""


class ToolOptions(LimitOptions, total=False):
    """Of a tool or a runner, too."""

    python_path: str | None
    """The interpreter that runs the tools, a name on PATH or a path. It need not be the one that runs the sidecar."""
    working_dir: str | os.PathLike[str] | None
    """What a call's private scratch directory is called inside the call; no directory of the host."""


def wire_options(options: Mapping[str, Any], names: Mapping[str, str] = TOOL_NAMES) -> dict[str, Any]:
    """Return what was given, under the wire's names. The sidecar checks the values; a name that is none is ours."""
    unknown = sorted(set(options) - set(names))
    if unknown:
        raise TypeError(f"unknown option {unknown[0]!r}; there are {', '.join(names)}")
    given = {names[name]: value for name, value in options.items() if value is not None}
    if "workingDir" in given:
        given["workingDir"] = os.path.abspath(given["workingDir"])  # noqa: PTH100 - not a directory of this machine
    if isinstance(given.get("pythonPath"), str):
        given["pythonPath"] = interpreter(given["pythonPath"])
    return given
