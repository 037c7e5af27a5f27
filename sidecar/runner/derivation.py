"""A call that runs no tool, only its module's top level, to hear what the type hints of its entry point say.

Invariant: it is tool code that runs, so all that stands around a call stands around this: the jail, a deadline, the
limits, and a worker that is dead when `derive` returns. What it answers is a stranger's word, and is not read here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.errors import InternalError
from sidecar.runner import call_header
from sidecar.runner.attempts import MissedCall
from sidecar.runner.conversation import Conversation, limit_memory
from sidecar.runner.outcome import Derivation
from sidecar.runner.watchdog import Watchdog
from sidecar.worker import wire
from sidecar.worker.frames import encode

if TYPE_CHECKING:
    from sidecar.config import Limits
    from sidecar.runner.worker import Worker

# A registration waits for it.
DERIVE_TIMEOUT_MS = 3_000
_OUTPUT_DELAY_S = 0.004
_MIB = 1024 * 1024


async def derive(worker: Worker, code: str, max_memory_mb: int, limits: Limits) -> Derivation:
    """Use up `worker`; what it wrote, or why there is nothing. `MissedCall` where it did not take the code up."""
    max_memory_bytes = max_memory_mb * _MIB
    await limit_memory(worker, max_memory_bytes)
    conversation = Conversation(worker, DERIVE_TIMEOUT_MS / 1000)
    for stream in (worker.stdout, worker.stderr):
        stream.begin(_OUTPUT_DELAY_S)
    watchdog = Watchdog(worker, limits, max_memory_bytes, lambda _: conversation.decide("memory_limit"))
    max_cpu_ms = call_header.default_cpu_ms(DERIVE_TIMEOUT_MS)
    header = call_header.encoded("derive", None, max_memory_mb=max_memory_mb, max_cpu_ms=max_cpu_ms)
    try:
        terminal = await conversation.hold(header, encode(wire.CODE, code.encode("utf-8", "surrogatepass")))
    finally:
        watchdog.stop()
        ended, _, _ = await conversation.end()
    if terminal is not None and terminal[0] == wire.DIAGNOSTICS and len(terminal[1]) <= wire.DERIVED_MAX_BYTES:
        return Derivation(terminal[1])
    if terminal is not None:
        return Derivation(problem=f"they take more than {wire.DERIVED_MAX_BYTES} bytes to describe")
    if conversation.cause == "timeout":
        return Derivation(problem=f"the module's top level did not end within {DERIVE_TIMEOUT_MS} ms")
    if conversation.cause is None and worker.has_missed_call:
        raise MissedCall
    if conversation.cause is None and ended.status is None:
        raise InternalError("The zygote of this registration's worker died.", retryable=True)
    return Derivation(problem="the module's top level ended its process, or met a limit")
