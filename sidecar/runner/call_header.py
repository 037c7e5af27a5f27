"""The first frame of whatever a worker is asked to do: its mode, and the limits in force before the rest is read."""

from __future__ import annotations

import functools
import json
import math
import os
import posixpath

from sidecar.worker import wire
from sidecar.worker.frames import encode

_TMP = "/tmp"  # noqa: S108 - what a host means by it is the worker's own scratch directory, wherever that is
_CORES = os.cpu_count() or 1


def default_cpu_ms(timeout_ms: int) -> int:
    """The CPU time that a call can use at most in its wall time, and a little more."""
    return timeout_ms * _CORES + 1000


@functools.lru_cache(maxsize=1024)  # a tool's calls have the same one
def encoded(  # noqa: PLR0913 - the members of the frame
    mode: str,
    tool_id: str | None,
    *,
    max_memory_mb: int,
    max_cpu_ms: int,
    working_dir: str | None = None,
    result_max_bytes: int = 0,
    is_compiled: bool = False,
) -> bytes:
    """The frame. `mode` is one that `worker/child.py` knows; `is_compiled`: a COMPILED frame follows the code."""
    limits = {
        "mode": mode,
        "filename": f"<tool:{tool_id}>" if tool_id else "<tool>",
        "memory_max_bytes": max_memory_mb * 1024 * 1024,
        "cpu_max_s": max(math.ceil(max_cpu_ms / 1000), 1),
        "working_dir": _inside_scratch(working_dir),
        "result_max_bytes": result_max_bytes,
        "is_compiled": is_compiled,
    }
    return encode(wire.LIMITS, json.dumps(limits).encode())


def _inside_scratch(working_dir: str | None) -> str:
    """Where `working_dir` lies within the scratch directory: the same path below /tmp, else that whole path."""
    if working_dir is None:
        return ""
    path = posixpath.normpath("/" + working_dir.lstrip("/"))
    inside = path == _TMP or path.startswith(_TMP + "/")
    return (path.removeprefix(_TMP) if inside else path).lstrip("/")
