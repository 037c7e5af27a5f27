"""Scratch directories on disk whose workers are dead, removed in threads: a hostile tree takes seconds.

A reply waits a while for its own. Invariant: at most `_MOST_BEHIND` calls are answered, and their places given to
others, before theirs is gone; or tools would fill the disk faster than it is emptied.
"""

from __future__ import annotations

import asyncio
import contextlib

from sidecar.worker.removal import remove

_PATIENCE_S = 1.0
_MOST_BEHIND = 4


class Removals:
    """Of one zygote's workers."""

    def __init__(self) -> None:
        # Going on now, and those among them for which nobody waits any more.
        self.pending = 0
        self._behind = 0

    def begin(self, path: str) -> asyncio.Future[None]:
        """Remove `path`, whose worker is dead."""
        self.pending += 1
        removing = asyncio.get_running_loop().run_in_executor(None, _remove, path)
        removing.add_done_callback(self._done)
        return removing

    async def wait(self, removing: asyncio.Future[None]) -> None:
        """Wait for what was begun, as long as a reply should."""
        await asyncio.wait({removing}, timeout=_PATIENCE_S)
        if removing.done():
            return
        if self._behind >= _MOST_BEHIND:
            await asyncio.wait({removing})
            return
        self._behind += 1
        removing.add_done_callback(self._caught_up)

    def _done(self, _: object) -> None:
        self.pending -= 1

    def _caught_up(self, _: object) -> None:
        self._behind -= 1


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):  # gone, or taken with the root at the zygote's end
        remove(path)
