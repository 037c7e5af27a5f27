"""One call from its worker's start to its record: deadline, cancellation, first cause wins.

Invariant: when `run` returns or raises, the worker is dead by the kernel's word, whatever the tool did.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import posixpath
import signal
import time
from typing import TYPE_CHECKING, Any

from sidecar.errors import InternalError
from sidecar.record import Usage
from sidecar.runner import verdict
from sidecar.runner.attempts import MissedCall, until_heard
from sidecar.runner.deadline import Deadline
from sidecar.runner.outcome import CallRecord, CallRequest, Isolation
from sidecar.runner.watchdog import MEMORY, SCRATCH, THREADS, Watchdog
from sidecar.worker import wire
from sidecar.worker.frames import Frame, encode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sidecar.config import Limits
    from sidecar.runner.output import OutputStream
    from sidecar.runner.worker import Ended, Worker

_CAUSES: dict[str, verdict.Cause] = {
    MEMORY: "memory_limit", SCRATCH: "scratch_limit", THREADS: "thread_limit",
}  # fmt: skip
_TMP = "/tmp"  # noqa: S108 - what a host means by it is the worker's own scratch directory, wherever that is
_VET_TIMEOUT_MS = 5_000
_VET_MIN_MEMORY_MB = 64


class Call:
    """A request together with the limits that hold for it."""

    def __init__(
        self,
        request: CallRequest,
        limits: Limits,
        spare: Callable[[], Awaitable[Worker]],
        *,
        queue_ms: float = 0.0,
        spawn_ms: float = 0.0,
    ) -> None:
        """`spare` gives a fresh worker, in which a large result is looked at before anybody believes it."""
        self._request = request
        self._spare = spare
        self._limits = limits
        self._queue_ms = queue_ms
        self._spawn_ms = spawn_ms
        # Time in the queue counts: a caller that waits 30 s has waited 30 s.
        self._remaining_s = max(request.timeout_ms - queue_ms, 0) / 1000
        default_cpu_ms = request.timeout_ms * (os.cpu_count() or 1) + 1000
        self._max_cpu_ms = limits.max_cpu_ms or default_cpu_ms
        self._cause: verdict.Cause | None = None
        self._decided: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, worker: Worker) -> CallRecord:
        """Run the tool in `worker`, which is used up by it."""
        started = time.perf_counter()
        self._watch_output(worker)
        max_memory_bytes = self._request.max_memory_mb * 1024 * 1024
        await _limit_memory(worker, max_memory_bytes)
        watchdog = Watchdog(worker, self._limits, max_memory_bytes, lambda limit: self._decide(_CAUSES[limit]))
        deadline = Deadline(self._remaining_s, lambda: self._decide("timeout"))
        code = encode(wire.CODE, self._request.code.encode("utf-8", "surrogatepass"))
        arguments = encode(wire.ARGUMENTS, self._request.arguments)
        try:
            terminal = await self._converse(worker, self._header("call"), code, arguments)
        finally:
            run_ms = (time.perf_counter() - started) * 1000
            deadline.cancel()
            watchdog.stop()
            ended, stdout, stderr = await _shielded(_end(worker))
        if terminal is None and self._cause is None:
            if worker.has_missed_call:
                raise MissedCall
            if ended.status is None:
                message = (
                    "The zygote of this call's worker died; the tool may have run, and the call may be sent again."
                )
                raise InternalError(message, retryable=True, mayHaveRun=True)
        vetted = await self._vet(terminal)
        wall_ms = (time.perf_counter() - started) * 1000
        judged = verdict.judge(terminal, self._cause, ended, self._bounds(), vetted=vetted)
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

    async def check(self, worker: Worker) -> list[dict[str, Any]]:
        """Compile only; what the worker found, or that the source is too much for the compiler."""
        found = await self.examine(worker, "check", self._request.code.encode("utf-8", "surrogatepass"))
        if found is not None:
            return [one for one in found if isinstance(one, dict)]
        reason = "it took too long to compile" if self._cause == "timeout" else "it crashes the compiler"
        return [{"line": 1, "column": 1, "message": reason, "severity": "error"}]

    async def _vet(self, terminal: Frame | None) -> str:
        """Have a large result parsed in a worker of its own, in the memory that the call had: one word of `wire`."""
        if terminal is None or terminal[0] != wire.RESULT or len(terminal[1]) <= verdict.VETTED_BYTES:
            return wire.VET_FORGED
        payload = terminal[1]
        text_mb = 4 * len(payload) // (1024 * 1024)
        memory_mb = max(self._request.max_memory_mb, _VET_MIN_MEMORY_MB + text_mb)
        request = CallRequest("", b"", self._request.python_path, _VET_TIMEOUT_MS, memory_mb)

        async def attempt() -> list[Any] | None:
            call = Call(request, self._limits, self._spare)
            return await call.examine(await self._spare(), "vet", payload)

        found = await until_heard(attempt, may_have_run=True)
        return str(found[0]) if found else wire.VET_TOO_LARGE

    async def examine(self, worker: Worker, mode: str, payload: bytes) -> list[Any] | None:
        """Have a worker look at `payload` without running anything of it; None where it did not come to an end."""
        await _limit_memory(worker, self._request.max_memory_mb * 1024 * 1024)
        deadline = Deadline(self._remaining_s, lambda: self._decide("timeout"))
        try:
            terminal = await self._converse(worker, self._header(mode), encode(wire.CODE, payload))
        finally:
            deadline.cancel()
            ended, _, _ = await _shielded(_end(worker))
        if terminal is None and self._cause is None and (worker.has_missed_call or _was_killed(ended)):
            raise MissedCall  # nothing of a tool runs here, so it can be done again
        if terminal is None or terminal[0] != wire.DIAGNOSTICS or len(terminal[1]) > wire.FAILURE_MAX_BYTES:
            return None
        try:
            found = json.loads(terminal[1])
        except (ValueError, RecursionError):
            return None
        return found[: wire.DIAGNOSTICS_MAX + 1] if isinstance(found, list) else None

    async def _converse(self, worker: Worker, *frames: bytes) -> Frame | None:
        """Send the call and wait for its terminal frame, the process's end or a decision, whichever is first."""
        sending = asyncio.ensure_future(worker.send(*frames))
        try:
            await _first(worker.terminal, self._decided)
            if worker.terminal.done() and worker.terminal.result() is None and self._cause is None:
                # The channel is closed, the process perhaps not: it has until its deadline.
                await _first(worker.ended, self._decided)
        finally:
            sending.cancel()
            # Only then may the channel be closed: a writer left behind would meet the descriptor's next owner.
            await asyncio.wait([sending])
        return worker.terminal.result() if worker.terminal.done() else None

    def _header(self, mode: str) -> bytes:
        limits = {
            "mode": mode,
            "filename": f"<tool:{self._request.tool_id}>" if self._request.tool_id else "<tool>",
            "memory_max_bytes": self._request.max_memory_mb * 1024 * 1024,
            "cpu_max_s": max(math.ceil(self._max_cpu_ms / 1000), 1),
            "working_dir": _inside_scratch(self._request.working_dir),
            "result_max_bytes": self._limits.result_max_bytes,
        }
        return encode(wire.LIMITS, json.dumps(limits).encode())

    def _watch_output(self, worker: Worker) -> None:
        for name, stream in (("stdout", worker.stdout), ("stderr", worker.stderr)):
            stream.on_discard = lambda: self._count_discarded(worker.stdout, worker.stderr)
            if self._request.on_output is not None:
                _forward(stream, name, self._request)

    def _count_discarded(self, *streams: OutputStream) -> None:
        if sum(stream.discarded_bytes for stream in streams) > self._limits.discard_max_bytes:
            self._decide("output_limit")

    def _decide(self, cause: verdict.Cause) -> None:
        if not self._decided.done():
            self._cause = cause
            self._decided.set_result(None)

    def _bounds(self) -> verdict.Bounds:
        request = self._request
        return verdict.Bounds(
            request.timeout_ms,
            request.max_memory_mb,
            self._max_cpu_ms,
            self._limits.discard_max_bytes,
            self._limits.scratch_max_bytes,
            self._limits.max_threads,
            self._queue_ms,
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
            queue_ms=round(self._queue_ms, 3),
            peak_memory_mb=round(peak_bytes / 1024 / 1024, 1),
            spawn_ms=round(self._spawn_ms, 3),
            run_ms=round(run_ms, 3),
        )


def _forward(stream: OutputStream, name: str, request: CallRequest) -> None:
    on_output = request.on_output
    if on_output is not None:
        stream.stream_to(lambda text: on_output(name, text))


def _inside_scratch(working_dir: str | None) -> str:
    """Where `working_dir` lies within the scratch directory: the same path below /tmp, else that whole path."""
    if working_dir is None:
        return ""
    path = posixpath.normpath("/" + working_dir.lstrip("/"))
    inside = path == _TMP or path.startswith(_TMP + "/")
    return (path.removeprefix(_TMP) if inside else path).lstrip("/")


async def _first(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


def _was_killed(ended: Ended) -> bool:
    """Whether it was somebody else's doing: its zygote's end, or a SIGKILL that is no memory cgroup's."""
    return ended.status is None or (ended.status & 0x7F == signal.SIGKILL and not ended.spent.oom_killed)


async def _limit_memory(worker: Worker, max_bytes: int) -> None:
    try:
        worker.share.limit_memory(max_bytes)
    except OSError as error:  # it has just died, or our own descriptors are used up
        await _shielded(_end(worker))
        raise MissedCall from error


async def _end(worker: Worker) -> tuple[Ended, str, str]:
    """See the worker dead, then take what it had printed, whether or not anybody still waits for it."""
    ended = await worker.end()
    return ended, worker.stdout.finish(), worker.stderr.finish()


async def _shielded(ending: Any) -> Any:
    """Await `ending` to its end even if the caller is cancelled meanwhile, then let the cancellation through."""
    task = asyncio.ensure_future(ending)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return task.result()
