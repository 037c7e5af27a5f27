"""Which pool serves a call: one for each interpreter and floor, and for each set of modules that tools want loaded.

Invariant: one search for each path, however many wait for it; no call begins in the pool of an interpreter that has
changed on disk, and the pools of loaded modules take no more memory together than they may, the least recently used
being given up first.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import TYPE_CHECKING

from sidecar.runner import interpreter
from sidecar.runner.pool import Pool
from sidecar.runner.upgrades import Marks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sidecar.config import Config
    from sidecar.description import Description

log = logging.getLogger(__name__)


class Pools:
    """Finds and makes them."""

    def __init__(
        self,
        config: Config,
        without: frozenset[str],
        close_behind: Callable[[Pool], None],
        begun: Description | None,
    ) -> None:
        """`without` as in `homes.settle`; `close_behind` closes a pool when the calls that run now have ended.

        `begun` is a question about an interpreter that was asked ahead.
        """
        self._begun = begun
        self._config = config
        self._without = without
        self._close_behind = close_behind
        self._pools: dict[tuple[str, str], Pool] = {}
        self._warm: OrderedDict[tuple[str, str, tuple[str, ...]], Pool] = OrderedDict()
        self._finding: dict[tuple[str, str], asyncio.Task[Pool]] = {}
        self._marks: dict[tuple[str, str], Marks] = {}

    def __iter__(self) -> Iterator[Pool]:
        """Each that there is."""
        yield from dict.fromkeys((*self._pools.values(), *self._warm.values()))

    async def get(self, python_path: str, floor: str, imports: tuple[str, ...] = ()) -> Pool:
        """The pool of the interpreter that `python_path` means, with `imports` loaded in it."""
        pool = await self._of_interpreter(python_path, floor)
        return self._loaded(pool, floor, imports) if imports else pool

    def cancel(self) -> list[asyncio.Task[Pool]]:
        """Give up the searches: their tasks, to be awaited."""
        for search in self._finding.values():
            search.cancel()
        return list(self._finding.values())

    async def close(self) -> None:
        """End every zygote."""
        if self._begun is not None:
            self._begun.abandon()
        for pool in self:
            await pool.close()

    async def _of_interpreter(self, python_path: str, floor: str) -> Pool:
        key = python_path, floor
        marks = self._marks.get(key)
        if marks is not None and marks.have_changed():
            self._retire(self._finding[key].result())
        if key not in self._finding:
            self._finding[key] = asyncio.get_running_loop().create_task(self._find(python_path, floor))
        search = self._finding[key]
        if search.done() and not search.cancelled() and search.exception() is None:
            return search.result()
        try:
            return await asyncio.shield(search)
        except Exception:
            # It may be installed by the next call.
            self._finding.pop(key, None)
            raise

    async def _find(self, python_path: str, floor: str) -> Pool:
        begun, self._begun = self._begun, None
        found = await interpreter.find(python_path, begun)
        self._marks[python_path, floor] = Marks(found)
        key = found.executable, floor
        return self._pools.setdefault(key, Pool(found, self._config, floor, self._without))

    def _loaded(self, pool: Pool, floor: str, imports: tuple[str, ...]) -> Pool:
        key = pool.executable, floor, imports
        found = self._warm.get(key)
        if found is None:
            found = self._warm[key] = Pool(pool.interpreter, self._config, floor, self._without, imports)
        self._warm.move_to_end(key)
        while len(self._warm) > 1 and sum(one.memory_mb for one in self._warm.values()) > self._config.warm_max_mb:
            _, least_recent = self._warm.popitem(last=False)
            self._close_behind(least_recent)
        return found

    def _retire(self, pool: Pool) -> None:
        """Its interpreter has been upgraded or removed: the calls that it runs may end, and no other begins there."""
        log.warning("the interpreter has changed", extra={"fields": {"interpreter": pool.executable}})
        for path, search in [*self._finding.items()]:
            if search.done() and not search.cancelled() and search.exception() is None and search.result() is pool:
                del self._finding[path], self._marks[path]
        self._pools = {key: other for key, other in self._pools.items() if other is not pool}
        self._close_behind(pool)
        for key in [key for key in self._warm if key[0] == pool.executable]:
            self._close_behind(self._warm.pop(key))
