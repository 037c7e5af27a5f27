"""The runner: admits calls, finds each an interpreter and a jailed worker, and answers with its record.

Invariant: a call holds its place (admission.py) while a worker runs it and no longer, and `close` leaves no process.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, TypeVar

from sidecar.errors import InternalError, ShuttingDown
from sidecar.record import Usage
from sidecar.runner import examination, verdict
from sidecar.runner.admission import Admission
from sidecar.runner.attempts import until_heard
from sidecar.runner.call import Call, Vetting, Waits
from sidecar.runner.checks import Checks
from sidecar.runner.compilations import Compilations
from sidecar.runner.derivation import derive
from sidecar.runner.outcome import (
    NOT_RUN,
    CallRecord,
    CallRequest,
    Check,
    Compiled,
    Derivation,
    Diagnostic,
    Isolation,
)
from sidecar.runner.pools import Pools
from sidecar.worker import wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sidecar.config import Config
    from sidecar.description import Description
    from sidecar.runner.pool import Pool
    from sidecar.runner.verdict import SkimOk

T = TypeVar("T")

# Checks wait for their turn as if they were the calls of one tool.
_CHECKS = "check"


class Runner:
    """Runs tools. One for each sidecar."""

    def __init__(
        self,
        config: Config,
        without: frozenset[str] = frozenset(),
        begun: Description | None = None,
        skim_ok: SkimOk = lambda _: None,
    ) -> None:
        """`without` and `begun` as in `Pools`; `skim_ok` as in `sidecar.skimming`: without it, fresh workers look."""
        self._config = config
        self._skim_ok = skim_ok
        self._retired: set[Pool] = set()
        self._pools = Pools(config, without, self._close_behind, begun)
        self._admission = Admission(config.max_concurrency, config.max_queue, config.memory_budget_mb)
        self._running: set[asyncio.Task[Any]] = set()
        self._compilations = Compilations(config, self._admission, self._track)
        self._checks = Checks(self._in_turn, config.memory_budget_mb)
        self._closed = False

    def start(self) -> None:
        """Begin to prepare the default interpreter; a fault is reported by the first call that meets it."""

        async def prepare() -> None:
            try:
                (await self._pools.get(self._config.python_path, self._config.min_isolation)).replace()
            except Exception:  # noqa: BLE001 - see the docstring
                return

        self._track(asyncio.get_running_loop().create_task(prepare()))

    async def run(self, request: CallRequest) -> CallRecord:
        """Run one tool once; see `errors` for what it raises. Cancelled, it returns when the process is dead."""
        pool = await self._open(request.python_path, request.min_isolation, request.imports)
        asked = time.perf_counter()
        try:
            left_ms = await self._admission.enter(request.line, request.max_memory_mb, request.timeout_ms)
        except TimeoutError:
            return self._timed_out_in_queue(request, _ms_since(asked))
        try:
            record = await self._in_worker(pool, request, left_ms, _ms_since(asked))
        finally:
            self._admission.leave(request.max_memory_mb)
            pool.replace()
        self._admission.measured(record.usage.wall_ms)
        return record

    async def check(self, code: str, python_path: str) -> Compiled:
        """Compile `code` in a jailed worker, and nothing more; what is wrong with it."""
        pool = await self._open(python_path, self._config.min_isolation)

        found = await self._checks.check(pool, code)
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
        memory_mb = max_memory_mb or limits.max_memory_mb
        pool = await self._open(python_path or self._config.python_path, min_isolation or self._config.min_isolation)

        async def attempt() -> Derivation:
            return await derive(await pool.acquire(), code, memory_mb, limits)

        return await self._in_turn(pool, memory_mb, attempt)

    async def warm(self, code: str, python_path: str, floor: str | None) -> tuple[str, ...]:
        """The modules that this code imports at its top, as `CallRequest.imports` wants them; they are being loaded."""
        floor = floor or self._config.min_isolation
        pool = await self._open(python_path, floor)

        memory_mb = min(examination.memory_mb(code), self._config.memory_budget_mb)

        async def attempt() -> tuple[str, ...]:
            return await examination.imports(await pool.acquire(), code, memory_mb)

        found = await self._in_turn(pool, memory_mb, attempt)
        if found:
            (await self._pools.get(python_path, floor, found)).replace()
        return found

    async def isolation(self) -> Isolation:
        """What is in force around a worker of the default interpreter, as that worker reported it."""
        pool = await self._pools.get(self._config.python_path, self._config.min_isolation)
        worker = await pool.acquire()
        pool.give_back(worker)
        return Isolation(worker.level, worker.layers)

    async def doctor(self) -> list[Check]:
        """Try out what this machine can enforce, in a worker."""
        from sidecar.runner import doctor  # seldom asked for, and never at the start

        return await doctor.examine(self, self._config)

    def gauges(self) -> dict[str, int]:
        """What is going on now."""
        return {
            "running": self._admission.running,
            "queued": self._admission.queued,
            "memoryMB": self._admission.memory_mb,
            "standby": sum(pool.standby for pool in self._pools),
            "zygotes": sum(pool.alive for pool in self._pools),
            "compiling": self._compilations.pending,
            "leftovers": sum(pool.leftovers for pool in self._pools),
        }

    async def close(self) -> None:
        """Take no more calls and kill those in flight; nothing survives this."""
        self._closed = True
        in_flight = {task for task in self._running if task is not asyncio.current_task()}
        for task in in_flight:
            task.cancel()
        await asyncio.gather(*in_flight, *self._pools.cancel(), return_exceptions=True)
        self._compilations.close()
        for retired in [*self._retired]:
            await retired.close()
        await self._pools.close()

    async def _open(self, python_path: str, floor: str, imports: tuple[str, ...] = ()) -> Pool:
        if self._closed:
            raise ShuttingDown("The sidecar is shutting down and takes no more calls.")
        task = asyncio.current_task()
        self._track(task)
        pool = await self._pools.get(python_path, floor, imports)
        if task is not None:
            pool.users.add(task)
            task.add_done_callback(pool.users.discard)
        return pool

    async def _in_turn(self, pool: Pool, memory_mb: int, attempt: Callable[[], Awaitable[T]]) -> T:
        """Do what a registration waits for, when it has its turn."""
        await self._admission.enter(_CHECKS, memory_mb)
        try:
            return await until_heard(attempt)
        finally:
            self._admission.leave(memory_mb)
            pool.replace()

    async def _in_worker(self, pool: Pool, request: CallRequest, left_ms: float, queue_ms: float) -> CallRecord:
        if request.may_start is not None:
            await request.may_start()
        asked = time.perf_counter()
        compiled = await self._compilations.of(pool, request)

        async def attempt() -> CallRecord:
            worker = await pool.acquire()
            waits = Waits(left_ms, queue_ms, _ms_since(asked))
            vetting = Vetting(pool.acquire, self._skim_ok)
            return await Call(request, self._config.limits, vetting, waits).run(worker, compiled)

        return await until_heard(attempt)

    def _timed_out_in_queue(self, request: CallRequest, queue_ms: float) -> CallRecord:
        message = f"The call waited {request.timeout_ms} ms for its turn and was not started."
        judged = verdict.failure("timeout", "TimeoutError", message, hint="Send fewer calls at once, or raise timeout.")
        usage = Usage(0.0, 0.0, 0.0, round(queue_ms, 3))
        return CallRecord(judged.result, judged.code, usage, Isolation(NOT_RUN, ()))

    def _close_behind(self, pool: Pool) -> None:
        users = pool.users - {asyncio.current_task()}
        self._retired.add(pool)
        self._track(asyncio.get_running_loop().create_task(self._close_after(users, pool)))

    async def _close_after(self, users: set[asyncio.Task[Any]], pool: Pool) -> None:
        if users:
            await asyncio.wait(users)
        await pool.close()
        # What has not come to this line is closed with everything else.
        self._retired.discard(pool)

    def _track(self, task: asyncio.Task[Any] | None) -> None:
        if task is None:
            raise InternalError("A call needs a task of its own.")
        self._running.add(task)
        task.add_done_callback(self._running.discard)


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
