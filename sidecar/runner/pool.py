"""Standby workers of one interpreter: jailed already, each waiting for its one call.

Invariant: a worker leaves the pool once and never comes back. Replacements are forked after a call has been answered,
off the path of any call, unless somebody is waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from sidecar.errors import InternalError, SandboxUnavailable, ShuttingDown
from sidecar.runner.homes import JAILED_TIMEOUT_S, settle
from sidecar.runner.standby import Standby
from sidecar.runner.supervision import Supervision
from sidecar.runner.zygote import START_FAILED

if TYPE_CHECKING:
    from sidecar.config import Config
    from sidecar.runner.interpreter import Interpreter
    from sidecar.runner.worker import Worker
    from sidecar.runner.zygote import Zygote

_ATTEMPTS = 3
# A reply is on its way by then, and no fork competes with it.
_REFILL_AFTER_S = 0.001
# While one is forked, another is jailed.
_SPAWNS_AT_ONCE = 2
_MIB = 1024 * 1024
_UNKNOWN_MB = 24
_STANDBY_MB = 3


class Pool:
    """The zygote of one interpreter, started at the first need and again if it dies, and its standby workers."""

    def __init__(
        self,
        interpreter: Interpreter,
        config: Config,
        floor: str,
        without: frozenset[str],
        imports: tuple[str, ...] = (),
    ) -> None:
        """`floor` is the least that its jail may be worth; `without` as in `homes.settle`; `imports` are loaded."""
        self.interpreter = interpreter
        self._imports = imports
        self._config = config
        self._floor = floor
        self._without = without
        self._zygote: Zygote | None = None
        self._supervision = Supervision(interpreter.executable)
        self._starting: asyncio.Task[Zygote] | None = None
        # What loaded modules take together is bounded, and a rush must not drive out others.
        most = config.standby_workers if imports else max(config.standby_workers, config.standby_workers_max)
        self._standby = Standby(config.standby_workers, most)
        self._refill: asyncio.Task[None] | None = None
        self._closed = False
        # Calls that it serves, or will: it must not be closed under them.
        self.users: set[asyncio.Task[Any]] = set()

    @property
    def executable(self) -> str:
        """The interpreter that its workers run."""
        return self.interpreter.executable

    @property
    def standby(self) -> int:
        """How many workers are ready to take a call."""
        return len(self._standby)

    @property
    def leftovers(self) -> int:
        """As `Resources.leftovers`."""
        return 0 if self._zygote is None else self._zygote.leftovers

    @property
    def memory_mb(self) -> float:
        """About what its zygote and its standby workers take; a guess before there are any."""
        if self._zygote is None or not self._zygote.memory_bytes:
            return _UNKNOWN_MB
        return self._zygote.memory_bytes / _MIB + len(self._standby) * _STANDBY_MB

    @property
    def alive(self) -> bool:
        """Whether its zygote runs."""
        return self._zygote is not None and self._zygote.alive

    def give_back(self, worker: Worker) -> None:
        """Return a worker that was not used: it was sent nothing."""
        self._standby.add(worker)

    async def acquire(self) -> Worker:
        """A jailed worker for one call. `SandboxUnavailable`, or `InternalError` where no process can be had."""
        try:
            return await self._acquire()
        except OSError as error:  # no descriptors are left, or a zygote did not come up (TimeoutError)
            message = f"No process for the call: {error.strerror or 'none came up in time'}."
            raise InternalError(message, retryable=True, mayHaveRun=False) from error

    async def _acquire(self) -> Worker:
        for _ in range(_ATTEMPTS):
            zygote = await self._live_zygote()
            worker = self._standby.take() or await self._spawn(zygote)
            if worker is not None:
                return worker
        message = "No process for the call: each that was started for it died at once, or its zygote did."
        raise InternalError(message, retryable=True, mayHaveRun=False)

    def replace(self) -> None:
        """A call has ended: bring the standby workers back to their number, in the background."""
        if not self._closed and (self._refill is None or self._refill.done()):
            self._refill = asyncio.get_running_loop().create_task(self._fill())

    async def close(self) -> None:
        """End the zygote, and so every worker."""
        self._closed = True
        for task in (self._refill, self._starting):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        self._standby.clear()
        if self._zygote is not None:
            self._zygote.kill()
            if self._zygote.cleaned is not None:
                await asyncio.shield(self._zygote.cleaned)

    async def _fill(self) -> None:
        if self._standby:
            await asyncio.sleep(_REFILL_AFTER_S)
        while True:
            try:
                zygote = await self._live_zygote()
            except Exception:  # noqa: BLE001 - the next call meets the same fault, and reports it
                return
            missing = self._standby.missing
            if missing <= 0:
                return
            if missing == 1:  # as after most calls
                spawned = [await self._add(zygote)]
            else:
                spawned = await asyncio.gather(*(self._add(zygote) for _ in range(min(missing, _SPAWNS_AT_ONCE))))
            if not all(spawned) and zygote.alive:
                return  # no process can be had now; the next call's end tries again

    async def _add(self, zygote: Zygote) -> bool:
        """One standby worker more; whether there could be one."""
        try:
            worker = await self._spawn(zygote)
        except Exception:  # noqa: BLE001 - as above
            return False
        if worker is not None:
            self._standby.add(worker)
        return worker is not None

    async def _spawn(self, zygote: Zygote) -> Worker | None:
        """One worker, ready; None where its zygote died first. `SandboxUnavailable` where a layer failed."""
        try:
            worker = await zygote.spawn()
        except ConnectionError:
            return None
        try:
            if await worker.jailed(JAILED_TIMEOUT_S):
                # Ahead of its call, which will most likely have this limit, and sets it where this fails.
                with contextlib.suppress(OSError):
                    worker.share.limit_memory(self._config.limits.max_memory_mb * _MIB)
                return worker
        except TimeoutError:
            if not worker.is_attached:
                # Stopped or wedged: everything that waits for it would wait for ever.
                zygote.kill()
        except BaseException:
            worker.discard()
            raise
        worker.discard()
        return None

    async def _live_zygote(self) -> Zygote:
        """The zygote, started if need be, which brings a first standby worker. Raises what `settle` does.

        `ShuttingDown` once the pool is closed: nobody would end what is started then.
        """
        if self._closed:
            raise ShuttingDown("The sidecar is done with this interpreter and starts no more processes of it.")
        if self._zygote is not None and self._zygote.alive:
            return self._zygote
        if self._starting is None or self._starting.done():
            self._standby.clear()
            self._starting = asyncio.get_running_loop().create_task(self._start())
        # Shared by everyone who waits: one caller's cancellation must not be the others' failure.
        return await asyncio.shield(self._starting)

    async def _start(self) -> Zygote:
        if self._zygote is not None:
            self._zygote.kill()
            self._supervision.died(self._zygote.last_words)
            self._zygote = None
        await self._supervision.may_start()
        try:
            self._zygote, worker = await settle(
                self.interpreter, self._config, self._floor, self._without, self._imports
            )
        except SandboxUnavailable as refusal:
            for one in refusal.data["missing"]:
                if one["layer"] == START_FAILED:
                    self._supervision.died(one["reason"], refusal)
            raise
        self._zygote.on_end = self.replace
        if worker is not None:
            self._standby.add(worker)
        return self._zygote
