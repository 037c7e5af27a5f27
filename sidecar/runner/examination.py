"""What a worker looks at without running anything of it: source text, or another worker's result.

Invariant: a worker that has examined something is dead before its answer is believed, and the answer is as hostile as
what was examined: bounded, and of the one shape that was asked for.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypedDict

from sidecar.errors import InternalError
from sidecar.runner import call_header
from sidecar.runner.conversation import Conversation
from sidecar.runner.worker import WorkerGone
from sidecar.worker import wire
from sidecar.worker.frames import encode

if TYPE_CHECKING:
    from sidecar.runner.verdict import Cause
    from sidecar.runner.worker import Ended, Worker
    from sidecar.worker.frames import Frame


class _CheckLimits(TypedDict):
    timeout_ms: int
    max_memory_mb: int


# The largest source that `register` takes needs this to compile; what running it needs is the call's affair.
_CHECK: _CheckLimits = {"timeout_ms": 10_000, "max_memory_mb": 1024}
_VET_TIMEOUT_MS = 5_000
_VET_MIN_MEMORY_MB = 64
_MIB = 1024 * 1024


async def check(worker: Worker, code: str) -> list[dict[str, Any]]:
    """Compile only: what the worker found, or that the source is too much for the compiler."""
    terminal, ended, cause = await _examine(worker, "check", _text(code), **_CHECK)
    found = _list(terminal)
    if found is not None:
        return [one for one in found if isinstance(one, dict)]
    if cause is None and ended.status is None:
        raise InternalError("The zygote of this check's worker died.", retryable=True)
    reason = "it took too long to compile" if cause == "timeout" else "it crashes the compiler"
    return [{"line": 1, "column": 1, "message": reason, "severity": "error"}]


async def compile_code(worker: Worker, code: str, tool_id: str | None) -> bytes:
    """What calls of this code can be sent beside it (`wire.COMPILED`); nothing where that cannot be had."""
    terminal, _, _ = await _examine(worker, "compile", _text(code), **_CHECK, tool_id=tool_id)
    if terminal is None or terminal[0] != wire.COMPILED or len(terminal[1]) > wire.COMPILED_MAX_BYTES:
        return b""
    return terminal[1]


async def vet(worker: Worker, result: bytes, max_memory_mb: int) -> str:
    """Have a large result parsed in the memory that its call had: one word of `wire`."""
    memory_mb = max(max_memory_mb, _VET_MIN_MEMORY_MB + 4 * len(result) // _MIB)
    terminal, _, _ = await _examine(worker, "vet", result, timeout_ms=_VET_TIMEOUT_MS, max_memory_mb=memory_mb)
    found = _list(terminal)
    return str(found[0]) if found else wire.VET_TOO_LARGE


async def _examine(  # noqa: PLR0913 - what an examination consists of
    worker: Worker, mode: str, payload: bytes, *, timeout_ms: int, max_memory_mb: int, tool_id: str | None = None
) -> tuple[Frame | None, Ended, Cause | None]:
    worker.share.limit_memory(max_memory_mb * _MIB)
    header = call_header.encoded(mode, tool_id, max_memory_mb=max_memory_mb, max_cpu_ms=timeout_ms)
    conversation = Conversation(worker, timeout_ms / 1000)
    terminal = None
    try:
        terminal = await conversation.hold(header, encode(wire.CODE, payload))
    except WorkerGone:
        pass  # dead before it was asked, which its end tells
    finally:
        ended, _, _ = await conversation.end()
    return terminal, ended, conversation.cause


def _text(code: str) -> bytes:
    return code.encode("utf-8", "surrogatepass")


def _list(terminal: Frame | None) -> list[Any] | None:
    if terminal is None or terminal[0] != wire.DIAGNOSTICS or len(terminal[1]) > wire.FAILURE_MAX_BYTES:
        return None
    try:
        found = json.loads(terminal[1])
    except (ValueError, RecursionError):
        return None
    return found[: wire.DIAGNOSTICS_MAX + 1] if isinstance(found, list) else None
