"""One worker's conversation: its frames sent, then its terminal frame, its end or a decision of ours, first cause wins.

Invariant: when `end` has returned, the worker is dead by the kernel's word, whatever the tool did and whoever was
cancelled meanwhile.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sidecar.runner.attempts import MissedCall
from sidecar.runner.deadline import Deadline

if TYPE_CHECKING:
    from sidecar.runner.ended import Ended
    from sidecar.runner.verdict import Cause
    from sidecar.runner.worker import Worker
    from sidecar.worker.frames import Frame


class Conversation:
    """Construct when the call begins, `hold` once, then `end` in any case."""

    def __init__(self, worker: Worker, deadline_s: float) -> None:
        self.worker = worker
        self.cause: Cause | None = None
        self._deadline = Deadline(deadline_s, lambda: self.decide("timeout"))

    def decide(self, cause: Cause) -> None:
        """Give the worker up for this reason, unless there was one before."""
        if self.cause is None:
            self.cause = cause
            self.worker.wake()

    async def hold(self, *frames: bytes) -> Frame | None:
        """Send the call; its terminal frame, or None."""
        worker = self.worker
        unsent = worker.channel.send(b"".join(frames))
        sending = asyncio.ensure_future(worker.channel.send_rest(unsent)) if unsent else None
        try:
            while not worker.terminal.done() and self.cause is None:
                await worker.change()
            if worker.terminal.done() and worker.terminal.result() is None:
                # The channel is closed, the process perhaps not: it has until its deadline.
                while not worker.ended.done() and self.cause is None:
                    await worker.change()
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
        try:
            ended = await self.worker.end()
        finally:
            stdout, stderr = self.worker.stdout.finish(), self.worker.stderr.finish()
        return ended, stdout, stderr


async def limit_memory(worker: Worker, max_bytes: int) -> None:
    """Set what `worker` may have; MissedCall where that cannot be done, when it is dead."""
    try:
        worker.share.limit_memory(max_bytes)
    except OSError as error:  # it has just died, or our own descriptors are used up
        await Conversation(worker, 0).end()
        raise MissedCall from error
