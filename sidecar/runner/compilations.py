"""Compiles the code of calls to come, one source at a time, off the path of every call.

Invariant: what compiles has seen the source and nothing else, and is no call: it waits for no turn and takes none. It
has no more memory than the call that asked for it, and only what is left of the budget.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sidecar.errors import SidecarError
from sidecar.runner import examination
from sidecar.runner.attempts import MissedCall
from sidecar.runner.code_cache import CodeCache, Key
from sidecar.runner.code_store import CodeStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.config import Config
    from sidecar.runner.admission import Admission
    from sidecar.runner.outcome import CallRequest
    from sidecar.runner.pool import Pool

# Not while a reply is on its way.
_BEGIN_AFTER_S = 0.005


class Compilations:
    """Gives calls what was compiled of their code before."""

    def __init__(self, config: Config, admission: Admission, track: Callable[[asyncio.Task[None]], None]) -> None:
        """`admission` lends the memory; `track` is told of each task, so that closing the runner ends it."""
        self._codes = CodeCache()
        self._store = CodeStore(config.code_cache_dir, config.code_cache_max_mb) if config.code_cache_dir else None
        self._admission = admission
        self._track = track
        self._one_at_a_time = asyncio.Lock()
        self.pending = 0

    async def of(self, pool: Pool, request: CallRequest) -> bytes:
        """What is there for this call; with the second that finds nothing, it is compiled for the third."""
        key = Key(pool.executable, pool.interpreter.version, request.tool_id, request.code)
        found = self._codes.get(key)
        if self._store is not None and not self._codes.has_seen(key):
            found = await self._store.get(key)
            if found:
                self._codes.put(key, found)
        if not found and self._codes.is_wanted(key):
            self.pending += 1
            memory_mb = min(examination.memory_mb(key.code), request.max_memory_mb)
            asyncio.get_running_loop().call_later(_BEGIN_AFTER_S, self._begin, pool, key, memory_mb)
        return found

    def close(self) -> None:
        """Begin nothing on disk any more."""
        if self._store is not None:
            self._store.close()

    def _begin(self, pool: Pool, key: Key, memory_mb: int) -> None:
        self._track(asyncio.get_running_loop().create_task(self._compile(pool, key, memory_mb)))

    async def _compile(self, pool: Pool, key: Key, memory_mb: int) -> None:
        try:
            async with self._one_at_a_time:
                with self._admission.lent(memory_mb) as is_lent:
                    if not is_lent:
                        self._codes.postpone(key)
                        return
                    worker = await pool.acquire()
                    compiled = await examination.compile_code(worker, key.code, key.tool_id, memory_mb)
                    self._codes.put(key, compiled)
                    if compiled and self._store is not None:
                        self._store.put(key, compiled)
        except (SidecarError, MissedCall):
            return  # calls compile it themselves, and report what is wrong
        finally:
            self.pending -= 1
            pool.replace()
