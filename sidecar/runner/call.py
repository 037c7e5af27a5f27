"""One call from its worker's start to its record: limits, deadline, watchdogs, verdict.

Invariant: when `run` returns or raises, the worker is dead by the kernel's word, whatever the tool did.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

from sidecar.errors import InternalError
from sidecar.record import Usage
from sidecar.runner import call_header, examination, verdict
from sidecar.runner.attempts import MissedCall, until_heard
from sidecar.runner.conversation import Conversation, limit_memory
from sidecar.runner.outcome import CallRecord, CallRequest, Isolation
from sidecar.runner.watchdog import MEMORY, SCRATCH, THREADS, Watchdog
from sidecar.worker import wire
from sidecar.worker.frames import encode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sidecar.config import Limits
    from sidecar.runner.ended import Ended
    from sidecar.runner.output import OutputStream
    from sidecar.runner.verdict import SkimOk, Verdict
    from sidecar.runner.worker import Worker
    from sidecar.worker.frames import Frame

_CAUSES: dict[str, verdict.Cause] = {
    MEMORY: "memory_limit", SCRATCH: "scratch_limit", THREADS: "thread_limit",
}  # fmt: skip
# Most calls have ended before anybody has to look whether their pipes fill.
_OUTPUT_DELAY_S = 0.004
_MIB = 1024 * 1024


class Waits(NamedTuple):
    """What went before a call has its worker, and what that has left of its timeout: waiting 30 s is 30 s of it."""

    left_ms: float
    queue_ms: float
    spawn_ms: float


class Vetting(NamedTuple):
    """What looks at a large result before anybody believes it: `skim_ok`, or a fresh worker, which `spare` gives."""

    spare: Callable[[], Awaitable[Worker]]
    skim_ok: SkimOk


class Call:
    """A request together with the limits that hold for it."""

    def __init__(self, request: CallRequest, limits: Limits, vetting: Vetting, waits: Waits) -> None:
        self._request = request
        self._vetting = vetting
        self._limits = limits
        self._waits = waits
        self._max_cpu_ms = limits.max_cpu_ms or call_header.default_cpu_ms(request.timeout_ms)

    async def run(self, worker: Worker, compiled: bytes = b"") -> CallRecord:
        """Run the tool in `worker`, which is used up by it. `MissedCall` where it did not take the call up."""
        started = time.perf_counter()
        max_memory_bytes = self._request.max_memory_mb * _MIB
        await limit_memory(worker, max_memory_bytes)
        conversation = Conversation(worker, self._waits.left_ms / 1000)
        self._watch_output(conversation)
        watchdog = Watchdog(worker, self._limits, max_memory_bytes, lambda limit: conversation.decide(_CAUSES[limit]))
        read: Verdict | None = None
        terminal: Frame | None = None
        try:
            terminal = await conversation.hold(*self._frames(compiled))
            run_ms = (time.perf_counter() - started) * 1000
            read = verdict.read(terminal)
            if terminal is not None and read is None:
                read = await self._skimmed(terminal[1])
        finally:
            watchdog.stop()
            ended, stdout, stderr = await conversation.end()
        if terminal is None and conversation.cause is None:
            if worker.has_missed_call and ended.was_killed:
                raise MissedCall
            if ended.status is None:
                message = (
                    "The zygote of this call's worker died; the tool may have run, and the call may be sent again."
                )
                raise InternalError(message, retryable=True, mayHaveRun=True)
        if terminal is not None and read is None:
            read = verdict.read_vetted(terminal[1], await self._vet(terminal[1]))
        wall_ms = (time.perf_counter() - started) * 1000
        judged = read or verdict.judge(conversation.cause, ended, self._bounds())
        return CallRecord(
            result=judged.result,
            code=judged.code,
            stdout=stdout,
            stderr=stderr,
            stdout_truncated=worker.stdout.truncated,
            stderr_truncated=worker.stderr.truncated,
            usage=self._usage(worker, ended, (wall_ms, run_ms), watchdog.peak_bytes),
            isolation=Isolation(worker.level, worker.layers),
            violations=worker.reported.read(),
        )

    async def _skimmed(self, result: bytes) -> Verdict | None:
        """What a large result says, if a pass over it is enough; meanwhile the kernel takes its worker down."""
        arguments = result, self._vetting.skim_ok, self._request.max_memory_mb
        word = await asyncio.to_thread(verdict.skimmed, *arguments)
        return verdict.read_vetted(result, word) if word else None

    async def _vet(self, result: bytes) -> str:
        """Have a large result parsed in a worker of its own, in the memory that the call had: one word of `wire`."""

        async def attempt() -> str:
            return await examination.vet(await self._vetting.spare(), result, self._request.max_memory_mb)

        return await until_heard(attempt, may_have_run=True)

    def _frames(self, compiled: bytes) -> list[bytes]:
        request = self._request
        header = call_header.encoded(
            "call",
            request.tool_id,
            max_memory_mb=request.max_memory_mb,
            max_cpu_ms=self._max_cpu_ms,
            working_dir=request.working_dir,
            result_max_bytes=self._limits.result_max_bytes,
            is_compiled=bool(compiled),
        )
        frames = [header, encode(wire.CODE, request.code.encode("utf-8", "surrogatepass"))]
        if compiled:
            frames.append(encode(wire.COMPILED, compiled))
        frames.append(encode(wire.ARGUMENTS, request.arguments))
        return frames

    def _watch_output(self, conversation: Conversation) -> None:
        worker = conversation.worker
        streams = (worker.stdout, worker.stderr)

        def count_discarded() -> None:
            if sum(stream.discarded_bytes for stream in streams) > self._limits.discard_max_bytes:
                conversation.decide("output_limit")

        for name, stream in zip(("stdout", "stderr"), streams, strict=True):
            stream.on_discard = count_discarded
            if self._request.on_output is not None:
                _forward(stream, name, self._request)
            stream.begin(0 if self._request.on_output is not None else _OUTPUT_DELAY_S)

    def _bounds(self) -> verdict.Bounds:
        request = self._request
        return verdict.Bounds(
            request.timeout_ms,
            request.max_memory_mb,
            self._max_cpu_ms,
            self._limits.discard_max_bytes,
            self._limits.scratch_max_bytes,
            self._limits.max_threads,
            self._waits.queue_ms,
        )

    def _usage(
        self, worker: Worker, ended: Ended, times_ms: tuple[float, float], watched_peak_bytes: int | None
    ) -> Usage:
        wall_ms, run_ms = times_ms
        cpu_ms = max(ended.cpu_us - worker.jailing_cpu_us, 0) / 1000
        peaks = (ended.spent.peak_bytes, watched_peak_bytes, ended.max_rss_kb * 1024)
        peak_bytes = next(peak for peak in peaks if peak is not None)
        return Usage(
            wall_ms=round(wall_ms, 3),
            cpu_ms=round(cpu_ms, 3),
            max_rss_mb=round(ended.max_rss_kb / 1024, 1),
            queue_ms=round(self._waits.queue_ms, 3),
            peak_memory_mb=round(peak_bytes / 1024 / 1024, 1),
            spawn_ms=round(self._waits.spawn_ms, 3),
            run_ms=round(run_ms, 3),
        )


def _forward(stream: OutputStream, name: str, request: CallRequest) -> None:
    on_output = request.on_output
    if on_output is not None:
        stream.stream_to(lambda text: on_output(name, text))
