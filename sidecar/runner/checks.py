"""Whether sources compile, many at once: a host that registers its thousand tools waits for some twenty workers.

One worker compiles a batch and says of each source only whether there is nothing to be said of it. Whatever else it may
say is not believed: what is not clean is looked at again alone, so that no source is refused, or described, by a worker
that had another one before. Invariant: a source that is alone in its time waits for no batch.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sidecar.errors import SidecarError
from sidecar.runner import examination

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sidecar.runner.pool import Pool

    T = TypeVar("T")

    class InTurn(Protocol):
        """Do something in a worker when it has its turn."""

        def __call__(self, pool: Pool, memory_mb: int, attempt: Callable[[], Awaitable[T]]) -> Awaitable[T]: ...  # noqa: D102 - its implementation says what it is


_BATCH_MAX = 64
_BATCH_MAX_CHARS = 256 * 1024


class Checks:
    """Collects what is asked while a batch is being compiled."""

    def __init__(self, in_turn: InTurn, budget_mb: int) -> None:
        """`budget_mb` is what all processes together may take, however large a source is."""
        self._in_turn = in_turn
        self._budget_mb = budget_mb
        self._waiting: defaultdict[Pool, list[tuple[str, asyncio.Future[bool]]]] = defaultdict(list)
        self._batches: dict[Pool, asyncio.Task[None]] = {}

    async def check(self, pool: Pool, code: str) -> list[Any]:
        """What `examination.check` finds in `code`."""
        if len(code) <= _BATCH_MAX_CHARS and await self._is_clean(pool, code):
            return []

        memory_mb = self._memory_mb(code)

        async def alone() -> list[Any]:
            return await examination.check(await pool.acquire(), code, memory_mb)

        return await self._in_turn(pool, memory_mb, alone)

    def _memory_mb(self, code: str) -> int:
        return min(examination.memory_mb(code), self._budget_mb)

    def _is_clean(self, pool: Pool, code: str) -> asyncio.Future[bool]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bool] = loop.create_future()
        self._waiting[pool].append((code, answer))
        if pool not in self._batches:
            self._batches[pool] = loop.create_task(self._drain(pool))
        return answer

    async def _drain(self, pool: Pool) -> None:
        try:
            while batch := self._take(pool):
                clean = [False]
                if len(batch) > 1:
                    clean = await self._compile(pool, [code for code, _ in batch])
                for (_, answer), is_clean in zip(batch, clean, strict=True):
                    if not answer.done():
                        answer.set_result(is_clean)
        finally:
            del self._batches[pool]
            for _, answer in self._waiting.pop(pool, ()):
                answer.cancel()  # the runner is being closed

    def _take(self, pool: Pool) -> list[tuple[str, asyncio.Future[bool]]]:
        waiting = self._waiting[pool]
        count = size = 0
        while count < min(len(waiting), _BATCH_MAX) and (size := size + len(waiting[count][0])) <= _BATCH_MAX_CHARS:
            count += 1
        batch, self._waiting[pool] = waiting[:count], waiting[count:]
        return batch

    async def _compile(self, pool: Pool, codes: list[str]) -> list[bool]:
        memory_mb = self._memory_mb("".join(codes))

        async def together() -> list[bool]:
            return await examination.are_clean(await pool.acquire(), codes, memory_mb)

        try:
            return await self._in_turn(pool, memory_mb, together)
        except SidecarError:
            return [False] * len(codes)  # each meets the same fault alone, and reports it
