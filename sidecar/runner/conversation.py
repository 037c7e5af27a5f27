"""One worker's conversation: its frames sent, then its terminal frame, its end or a decision of ours, first cause wins.

Invariant: when `end` has returned, the worker is dead by the kernel's word, whatever the tool did and whoever was
cancelled meanwhile.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sidecar.runner.attempts import MissedCall
from sidecar.runner.deadline import Deadline
from sidecar.runner.waiting import first

if TYPE_CHECKING:
    from sidecar.runner.ended import Ended
    from sidecar.runner.verdict import Cause
    from sidecar.runner.worker import Worker
    from sidecar.worker.frames import Frame


class Conversation:
    """Construct when the call begins, `hold` once, then `end` in any case."""

    def __init__(self, worker: Worker, deadline_s: float) -> None:
        loop = asyncio.get_running_loop()
        self.worker = worker
        self.cause: Cause | None = None
        self._decided: asyncio.Future[None] = loop.create_future()
        self._deadline = Deadline(deadline_s, lambda: self.decide("timeout"))

    def decide(self, cause: Cause) -> None:
        """Give the worker up for this reason, unless there was one before."""
        if not self._decided.done():
            self.cause = cause
            self._decided.set_result(None)

    async def hold(self, *frames: bytes) -> Frame | None:
        """Send the call; its terminal frame, or None."""
        worker = self.worker
        unsent = worker.channel.send(b"".join(frames))
        sending = asyncio.ensure_future(worker.channel.send_rest(unsent)) if unsent else None
        try:
            await first(worker.terminal, self._decided)
            if worker.terminal.done() and worker.terminal.result() is None and self.cause is None:
                # The channel is closed, the process perhaps not: it has until its deadline.
                await first(worker.ended, self._decided)
        finally:
            if sending is not None:
                sending.cancel()
                # Only then may the channel be closed: a writer left behind would meet the descriptor's next owner.
                await asyncio.wait([sending])
        # From here on the kernel takes it down, while what it said is looked at.
        worker.kill()
        return worker.terminal.result() if worker.terminal.done() else None

    async def end(self) -> tuple[Ended, str, str]:
        """See the worker dead: how it ended, and what it had printed. A cancellation goes on when that is done."""
        self._deadline.cancel()
        ending = asyncio.ensure_future(self._end())
        cancelled: asyncio.CancelledError | None = None
        while not ending.done():
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled
        return ending.result()

    async def _end(self) -> tuple[Ended, str, str]:
        ended = await self.worker.end()
        return ended, self.worker.stdout.finish(), self.worker.stderr.finish()


async def limit_memory(worker: Worker, max_bytes: int) -> None:
    """Set what `worker` may have; MissedCall where that cannot be done, when it is dead."""
    try:
        worker.share.limit_memory(max_bytes)
    except OSError as error:  # it has just died, or our own descriptors are used up
        await Conversation(worker, 0).end()
        raise MissedCall from error
