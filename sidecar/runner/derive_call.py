"""A call that runs no tool, only its module's top level, to hear what the type hints of its entry point say.

Invariant: it is tool code that runs, so all that stands around a call stands around this: the jail, a deadline, the
limits, and a worker that is dead when `derive` returns. What it answers is a stranger's word, and is not read here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.errors import InternalError
from sidecar.runner.call import Call
from sidecar.runner.outcome import Derivation
from sidecar.runner.watchdog import Watchdog
from sidecar.worker import wire

if TYPE_CHECKING:
    from sidecar.runner.worker import Worker

# A registration waits for it.
DERIVE_TIMEOUT_MS = 3_000


class DeriveCall(Call):
    """Make it as a `Call`; the request's arguments are not sent."""

    async def derive(self, worker: Worker) -> Derivation:
        """Use up `worker`; what it wrote, or why there is nothing."""
        self._watch_output(worker)
        max_memory_bytes = self._request.max_memory_mb * 1024 * 1024
        watchdog = Watchdog(worker, self._limits, max_memory_bytes, lambda _: self._decide("memory_limit"))
        try:
            code = self._request.code.encode("utf-8", "surrogatepass")
            terminal, ended = await self._observe(worker, "derive", code)
        finally:
            watchdog.stop()
        if terminal is not None and terminal[0] == wire.DIAGNOSTICS and len(terminal[1]) <= wire.DERIVED_MAX_BYTES:
            return Derivation(terminal[1])
        if terminal is not None:
            return Derivation(problem=f"they take more than {wire.DERIVED_MAX_BYTES} bytes to describe")
        if self._cause == "timeout":
            return Derivation(problem=f"the module's top level did not end within {DERIVE_TIMEOUT_MS} ms")
        if self._cause is None and ended.status is None:
            raise InternalError("The zygote of this registration's worker died.", retryable=True)
        return Derivation(problem="the module's top level ended its process, or met a limit")
