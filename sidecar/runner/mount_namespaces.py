"""Mount namespaces of workers, held until these are dead and let go of together, in a thread.

The kernel takes a namespace apart when its last holder lets go, and waits for every processor meanwhile
(synchronize_rcu): some tenths of a millisecond, or many on a busy machine. Held here, that is not the dying worker,
whose end a reply waits for. Invariant: at most one batch is being let go of, and none is kept for longer than that.
"""

from __future__ import annotations

import asyncio
import os

_BATCH_AFTER_S = 0.01


class HeldMounts:
    """The descriptors of those whose workers are dead."""

    def __init__(self) -> None:
        self._dead: list[int] = []
        self._timer: asyncio.TimerHandle | None = None
        self._letting_go: asyncio.Future[None] | None = None
        self._in_batch = 0
        self._stopped = False

    @property
    def kept(self) -> int:
        """How many are kept whose worker is dead."""
        return len(self._dead) + self._in_batch

    def release(self, descriptor: int) -> None:
        """Its worker is dead: let go of it soon."""
        if self._stopped:
            os.close(descriptor)
            return
        self._dead.append(descriptor)
        if self._timer is None and self._letting_go is None:
            self._timer = asyncio.get_running_loop().call_later(_BATCH_AFTER_S, self._let_go)

    def stop(self) -> None:
        """Begin no other batch: `close` comes next."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def close(self) -> None:
        """Let go of all, here and now, in whichever thread."""
        _close_all(self._take())

    def _let_go(self) -> None:
        self._timer = None
        batch = self._take()
        self._in_batch = len(batch)
        self._letting_go = asyncio.get_running_loop().run_in_executor(None, _close_all, batch)
        self._letting_go.add_done_callback(self._again)

    def _again(self, _: object) -> None:
        self._letting_go = None
        self._in_batch = 0
        if self._dead and not self._stopped:
            self._let_go()

    def _take(self) -> list[int]:
        taken, self._dead = self._dead, []
        return taken


def _close_all(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
