"""What a worker looks at without running anything of it: source text, or another worker's result.

Invariant: a worker that has examined something is dead before its answer is believed, and the answer is as hostile as
what was examined: bounded, and of the one shape that was asked for.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from sidecar.runner import call_header
from sidecar.runner.attempts import MissedCall
from sidecar.runner.conversation import Conversation, limit_memory
from sidecar.worker import wire
from sidecar.worker.frames import encode

if TYPE_CHECKING:
    from sidecar.runner.verdict import Cause
    from sidecar.runner.worker import Worker
    from sidecar.worker.frames import Frame

_CHECK_TIMEOUT_MS = 10_000
_CHECK_MEMORY_MB = (64, 1024)
_CHECK_BYTES_PER_CHARACTER = 512
_IMPORTS_MAX = 64
_MODULE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}(\.[A-Za-z0-9_]{1,64}){0,7}", re.ASCII)
_VET_TIMEOUT_MS = 5_000
_VET_MIN_MEMORY_MB = 64
_MIB = 1024 * 1024


def memory_mb(code: str) -> int:
    """What a source of this length may need to compile; what running it needs is the call's affair."""
    least_mb, most_mb = _CHECK_MEMORY_MB
    return min(least_mb + len(code) * _CHECK_BYTES_PER_CHARACTER // _MIB, most_mb)


async def check(worker: Worker, code: str, max_memory_mb: int) -> list[Any]:
    """Compile only: what the worker found (`wire.DIAGNOSTICS`), or that it is too much to compile. `MissedCall`."""
    request = _Request("check", code.encode("utf-8", "surrogatepass"), _CHECK_TIMEOUT_MS, max_memory_mb)
    terminal, cause = await _examine(worker, request)
    found = _list(terminal)
    if found is not None:
        return found
    reason = "it took too long to compile" if cause == "timeout" else "it crashes the compiler"
    return [{"line": 1, "column": 1, "message": reason, "severity": "error"}]


async def are_clean(worker: Worker, codes: list[str], max_memory_mb: int) -> list[bool]:
    """For each of these sources, whether `check` would find nothing in it; all false where the worker does not say."""
    payload = json.dumps(codes).encode()
    terminal, _ = await _examine(worker, _Request("check_many", payload, _CHECK_TIMEOUT_MS, max_memory_mb))
    said = _list(terminal) or []
    return [one is True for one in said] if len(said) == len(codes) else [False] * len(codes)


async def compile_code(worker: Worker, code: str, tool_id: str | None, max_memory_mb: int) -> bytes:
    """What calls of this code can be sent beside it (`wire.COMPILED`); nothing where that cannot be had."""
    request = _Request("compile", code.encode("utf-8", "surrogatepass"), _CHECK_TIMEOUT_MS, max_memory_mb, tool_id)
    terminal, _ = await _examine(worker, request)
    if terminal is None or terminal[0] != wire.COMPILED or len(terminal[1]) > wire.COMPILED_MAX_BYTES:
        return b""
    return terminal[1]


async def imports(worker: Worker, code: str, max_memory_mb: int) -> tuple[str, ...]:
    """The modules that this code imports at its top, sorted, by the worker's word: names, and no more than a few."""
    request = _Request("imports", code.encode("utf-8", "surrogatepass"), _CHECK_TIMEOUT_MS, max_memory_mb)
    terminal, _ = await _examine(worker, request)
    found = {one for one in _list(terminal) or () if isinstance(one, str) and _MODULE_NAME.fullmatch(one)}
    return tuple(sorted(found)[:_IMPORTS_MAX])


async def vet(worker: Worker, result: bytes, max_memory_mb: int) -> str:
    """Have a large result parsed in the memory that its call had: one word of `wire`."""
    enough_mb = max(max_memory_mb, _VET_MIN_MEMORY_MB + 4 * len(result) // _MIB)
    terminal, _ = await _examine(worker, _Request("vet", result, _VET_TIMEOUT_MS, enough_mb))
    found = _list(terminal)
    return str(found[0]) if found else wire.VET_TOO_LARGE


class _Request(NamedTuple):
    mode: str
    payload: bytes
    timeout_ms: int
    max_memory_mb: int
    tool_id: str | None = None


async def _examine(worker: Worker, request: _Request) -> tuple[Frame | None, Cause | None]:
    await limit_memory(worker, request.max_memory_mb * _MIB)
    memory_mb, cpu_ms = request.max_memory_mb, request.timeout_ms
    header = call_header.encoded(request.mode, request.tool_id, max_memory_mb=memory_mb, max_cpu_ms=cpu_ms)
    conversation = Conversation(worker, request.timeout_ms / 1000)
    try:
        terminal = await conversation.hold(header, encode(wire.CODE, request.payload))
    finally:
        ended, _, _ = await conversation.end()
    if terminal is None and conversation.cause is None and ended.was_killed:
        raise MissedCall  # nothing of a tool runs here, so it can be done again
    return terminal, conversation.cause


def _list(terminal: Frame | None) -> list[Any] | None:
    if terminal is None or terminal[0] != wire.DIAGNOSTICS or len(terminal[1]) > wire.DIAGNOSTICS_MAX_BYTES:
        return None
    try:
        found = json.loads(terminal[1])
    except (ValueError, RecursionError):
        return None
    return found[: wire.DIAGNOSTICS_MAX + 1] if isinstance(found, list) else None
