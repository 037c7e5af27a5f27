"""The runner: admits calls, finds each an interpreter and a jailed worker, and answers with its record.

Invariant: at most `max_concurrency` workers run a tool at once, at most `max_queue` calls wait, and `close` leaves no
process.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Protocol

from sidecar.errors import InternalError, QueueFull, ShuttingDown
from sidecar.runner import doctor, interpreter, verdict
from sidecar.runner.call import Call
from sidecar.runner.derive_call import DERIVE_TIMEOUT_MS, DeriveCall
from sidecar.runner.outcome import (
    NOT_RUN,
    CallRecord,
    CallRequest,
    Check,
    Compiled,
    Derivation,
    Diagnostic,
    Isolation,
    Usage,
)
from sidecar.runner.pool import Pool
from sidecar.worker import wire

if TYPE_CHECKING:
    from sidecar.config import Config

_CHECK_TIMEOUT_MS = 10_000
# The largest source that `register` takes needs this to compile; what running it needs is the call's affair.
_CHECK_MEMORY_MB = 1024


class Recorder(Protocol):
    """Told of each call that reached the runner."""

    def call_ended(self, record: CallRecord, tool_id: str | None) -> None:
        """One call's record, once."""


class Runner:
    """Runs tools. One for each sidecar."""

    def __init__(self, config: Config, recorder: Recorder, without: frozenset[str] = frozenset()) -> None:
        """`without` as in `homes.settle`."""
        self._config = config
        self._recorder = recorder
        self._without = without
        self._pools: dict[tuple[str, str], Pool] = {}
        self._finding: dict[tuple[str, str], asyncio.Task[Pool]] = {}
        self._slots = asyncio.Semaphore(config.max_concurrency)
        self._queued = 0
        self._running: set[asyncio.Task[Any]] = set()
        self._recent_ms = 50.0
        self._closed = False

    def start(self) -> None:
        """Begin to prepare the default interpreter; a fault is reported by the first call that meets it."""

        async def prepare() -> None:
            try:
                (await self._pool(self._config.python_path, self._config.min_isolation)).replace()
            except Exception:  # noqa: BLE001 - see the docstring
                return

        self._track(asyncio.get_running_loop().create_task(prepare()))

    async def run(self, request: CallRequest) -> CallRecord:
        """Run one tool once; see `errors` for what it raises. Cancelled, it returns when the process is dead."""
        pool = await self._admit(request.python_path, request.min_isolation)
        started = time.perf_counter()
        try:
            await self._take_slot(request.timeout_ms)
        except TimeoutError:
            record = self._timed_out_in_queue(request)
        else:
            try:
                queue_ms = (time.perf_counter() - started) * 1000
                record = await self._in_worker(pool, request, queue_ms)
            finally:
                self._slots.release()
                pool.replace()
        self._recent_ms += (record.usage.wall_ms - self._recent_ms) / 8
        self._recorder.call_ended(record, request.tool_id)
        return record

    async def check(self, code: str, python_path: str) -> Compiled:
        """Compile `code` in a jailed worker, and nothing more; what is wrong with it."""
        pool = await self._admit(python_path, self._config.min_isolation)
        limits = self._config.limits
        request = CallRequest(code, b"null", python_path, _CHECK_TIMEOUT_MS, _CHECK_MEMORY_MB)
        async with self._slots:
            worker = await pool.acquire()
            try:
                found = await Call(request, limits, pool.acquire).check(worker)
            finally:
                pool.replace()
        diagnostics = tuple(
            Diagnostic(int(one["line"]), int(one["column"]), str(one["message"]), str(one["severity"]))
            for one in found
            if isinstance(one, dict)
        )
        return Compiled(diagnostics, wire.HINTED in found)

    async def derive(
        self, code: str, python_path: str | None, min_isolation: str | None, max_memory_mb: int | None
    ) -> Derivation:
        """Run the top level of `code` in a jailed worker, for what its type hints say. None: as configured."""
        limits = self._config.limits
        path, floor = python_path or self._config.python_path, min_isolation or self._config.min_isolation
        request = CallRequest(code, b"", path, DERIVE_TIMEOUT_MS, max_memory_mb or limits.max_memory_mb, floor)
        pool = await self._admit(path, floor)
        async with self._slots:
            worker = await pool.acquire()
            try:
                return await DeriveCall(request, limits, pool.acquire).derive(worker)
            finally:
                pool.replace()

    async def isolation(self) -> Isolation:
        """What is in force around a worker of the default interpreter, as that worker reported it."""
        pool = await self._pool(self._config.python_path, self._config.min_isolation)
        worker = await pool.acquire()
        pool.give_back(worker)
        return Isolation(worker.level, worker.layers)

    async def doctor(self) -> list[Check]:
        """Try out what this machine can enforce, in a worker."""
        return await doctor.examine(self, self._config)

    def gauges(self) -> dict[str, int]:
        """What is going on now."""
        return {
            "running": self._config.max_concurrency - self._slots._value,  # noqa: SLF001 - it has no public counter
            "queued": self._queued,
            "standby": sum(pool.standby for pool in self._pools.values()),
            "zygotes": sum(pool.alive for pool in self._pools.values()),
        }

    async def close(self) -> None:
        """Take no more calls and kill those in flight; nothing survives this."""
        self._closed = True
        in_flight = {task for task in self._running if task is not asyncio.current_task()}
        ending = (*in_flight, *self._finding.values())
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        for pool in set(self._pools.values()):
            await pool.close()

    async def _admit(self, python_path: str, floor: str) -> Pool:
        if self._closed:
            raise ShuttingDown("The sidecar is shutting down and takes no more calls.")
        self._track(asyncio.current_task())
        return await self._pool(python_path, floor)

    def _queue_full(self) -> QueueFull:
        retry_ms = int(self._recent_ms * self._queued / self._config.max_concurrency) + 1
        return QueueFull(f"{self._queued} calls are waiting already.", retryAfterMs=retry_ms)

    async def _take_slot(self, timeout_ms: int) -> None:
        if not self._slots.locked():
            await self._slots.acquire()  # does not wait
            return
        if self._queued >= self._config.max_queue:
            raise self._queue_full()
        self._queued += 1
        # Not wait_for: up to Python 3.11 it swallows a cancellation that comes together with the slot.
        acquiring = asyncio.ensure_future(self._slots.acquire())
        try:
            await asyncio.wait({acquiring}, timeout=timeout_ms / 1000)
        except asyncio.CancelledError:
            if not acquiring.cancel():
                self._slots.release()
            raise
        finally:
            self._queued -= 1
        if not acquiring.done():
            acquiring.cancel()
            raise TimeoutError

    async def _in_worker(self, pool: Pool, request: CallRequest, queue_ms: float) -> CallRecord:
        if request.may_start is not None:
            await request.may_start()
        worker = await pool.acquire()
        return await Call(request, self._config.limits, pool.acquire, queue_ms=queue_ms).run(worker)

    async def _pool(self, python_path: str, floor: str) -> Pool:
        """The pool of the interpreter that `python_path` means. One search for each path, however many wait for it."""
        key = python_path, floor
        if key not in self._finding:
            self._finding[key] = asyncio.get_running_loop().create_task(self._find(python_path, floor))
        search = self._finding[key]
        try:
            return await asyncio.shield(search)
        except Exception:
            # It may be installed by the next call.
            self._finding.pop(key, None)
            raise

    async def _find(self, python_path: str, floor: str) -> Pool:
        found = await interpreter.find(python_path)
        key = found.executable, floor
        return self._pools.setdefault(key, Pool(found, self._config, floor, self._without))

    def _timed_out_in_queue(self, request: CallRequest) -> CallRecord:
        message = f"The call waited {request.timeout_ms} ms for its turn and was not started."
        judged = verdict.failure("timeout", "TimeoutError", message, hint="Send fewer calls at once, or raise timeout.")
        usage = Usage(0.0, 0.0, 0.0, float(request.timeout_ms))
        return CallRecord(judged.result, judged.code, usage, Isolation(NOT_RUN, ()))

    def _track(self, task: asyncio.Task[Any] | None) -> None:
        if task is None:
            raise InternalError("A call needs a task of its own.")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
