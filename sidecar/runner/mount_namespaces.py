"""Mount namespaces of workers, held until these are dead and let go of together, in a thread.

The kernel takes a namespace apart when its last holder lets go, and waits for every processor meanwhile
(synchronize_rcu): some tenths of a millisecond, or many on a busy machine. Held here, that is not the dying worker,
whose end a reply waits for. A scratch directory, which is memory, is kept along with its namespace.
Invariant: without a call that waits for it, and so keeps its place (admission.py), no more is kept than `_MOST_KEPT`
namespaces of `LITTLE_BYTES` each. At most one batch is being let go of.
"""

from __future__ import annotations

import asyncio
import os

_BATCH_AFTER_S = 0.01
# Files of more than that are no trifle to be freed at leisure: tools could fill memory faster than it is freed.
LITTLE_BYTES = 1024 * 1024
_MOST_KEPT = 64


class HeldMounts:
    """The descriptors of those whose workers are dead."""

    def __init__(self) -> None:
        self._dead: list[int] = []
        self._timer: asyncio.TimerHandle | None = None
        self._letting_go: asyncio.Future[None] | None = None
        self._in_batch = 0
        self._alone = 0
        self._stopped = False

    @property
    def kept(self) -> int:
        """How many are kept whose worker is dead."""
        return len(self._dead) + self._in_batch + self._alone

    def release(self, descriptor: int, holds_bytes: int) -> asyncio.Future[None] | None:
        """Its worker is dead: let go of it soon. What its call has to wait for, None where that is nothing."""
        if self._stopped or holds_bytes > LITTLE_BYTES or self.kept >= _MOST_KEPT:
            return self._let_go_alone(descriptor)
        self._dead.append(descriptor)
        if self._timer is None and self._letting_go is None:
            self._timer = asyncio.get_running_loop().call_later(_BATCH_AFTER_S, self._let_go)
        return None

    def stop(self) -> None:
        """Begin no other batch: `close` comes next."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def close(self) -> None:
        """Let go of all, here and now, in whichever thread."""
        _close_all(self._take())

    def _let_go_alone(self, descriptor: int) -> asyncio.Future[None]:
        self._alone += 1
        letting_go = asyncio.get_running_loop().run_in_executor(None, os.close, descriptor)
        letting_go.add_done_callback(self._alone_done)
        return letting_go

    def _alone_done(self, _: object) -> None:
        self._alone -= 1

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
