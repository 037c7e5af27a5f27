"""Which call starts next: how many run, what memory they may take together, and whose turn it is.

Invariant: at most `max_running` calls run, the sum of their `maxMemoryMB` is within the budget, and at most
`max_queued` wait. Tools take turns, so that one with a thousand calls in the queue delays another by one call. A call
for which there is too little memory keeps its turn and holds the others back: passed over, it could wait for ever.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sidecar.errors import QueueFull
from sidecar.runner.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Iterator

# A guess until a call has ended.
_FIRST_GUESS_MS = 50.0
_SMOOTHING = 8

# The calls of one tool that wait, in the order of their arrival, each with the memory that it may take.
_Line = OrderedDict["asyncio.Future[None]", int]


class Admission:
    """The door in front of the workers. Whoever has entered must leave."""

    def __init__(self, max_running: int, max_queued: int, budget_mb: int) -> None:
        self._max_running = max_running
        self._max_queued = max_queued
        self._budget_mb = budget_mb
        # By tool; the first one's turn is next.
        self._lines: OrderedDict[str, _Line] = OrderedDict()
        self._recent_ms = _FIRST_GUESS_MS
        self.running = 0
        self.queued = 0
        self.memory_mb = 0

    async def enter(self, tool: str, memory_mb: int, timeout_ms: float | None = None) -> None:
        """Wait for this call's turn; without a queue, that is no wait and no turn of the event loop.

        Raises TimeoutError after `timeout_ms`, and `QueueFull` at once where too many wait. Without `timeout_ms`, it is
        the sidecar's own work and never refused. What is more than the budget is alone while it runs.
        """
        if not self._lines and self._has_room(memory_mb):
            self._take(memory_mb)
            return
        if self.queued >= self._max_queued and timeout_ms is not None:
            raise self._queue_full()
        admitted = asyncio.get_running_loop().create_future()
        self._lines.setdefault(tool, OrderedDict())[admitted] = memory_mb
        self.queued += 1
        late = None if timeout_ms is None else Deadline(timeout_ms / 1000, lambda: self._give_up(tool, admitted))
        try:
            await admitted
        except asyncio.CancelledError:
            if admitted.cancelled():
                self._withdraw(tool, admitted)
            elif admitted.exception() is None:
                self.leave(memory_mb)  # its turn came together with the cancellation
            raise
        finally:
            if late is not None:
                late.cancel()

    def leave(self, memory_mb: int) -> None:
        """Make room: a call has ended."""
        self.running -= 1
        self.memory_mb -= memory_mb
        self._admit()

    @contextmanager
    def lent(self, memory_mb: int) -> Iterator[bool]:
        """Memory for the sidecar's own work beside the calls: whether there is as much that nobody waits for."""
        is_lent = not self._lines and self.memory_mb + memory_mb <= self._budget_mb
        if not is_lent:
            yield False
            return
        self.memory_mb += memory_mb
        try:
            yield True
        finally:
            self.memory_mb -= memory_mb
            self._admit()

    def measured(self, wall_ms: float) -> None:
        """Learn how long a call took, for what a refused one is told."""
        self._recent_ms += (wall_ms - self._recent_ms) / _SMOOTHING

    def _has_room(self, memory_mb: int) -> bool:
        fits = self.memory_mb + memory_mb <= self._budget_mb or not self.running
        return fits and self.running < self._max_running

    def _take(self, memory_mb: int) -> None:
        self.running += 1
        self.memory_mb += memory_mb

    def _admit(self) -> None:
        while self._lines:
            tool, line = next(iter(self._lines.items()))
            admitted, memory_mb = next(iter(line.items()))
            if not self._has_room(memory_mb):
                return
            self._lines.move_to_end(tool)
            self._remove(tool, admitted)
            if not admitted.done():  # else it was cancelled, and its task does not know yet
                self._take(memory_mb)
                admitted.set_result(None)

    def _give_up(self, tool: str, admitted: asyncio.Future[None]) -> None:
        if not admitted.done():
            admitted.set_exception(TimeoutError())
            self._withdraw(tool, admitted)

    def _withdraw(self, tool: str, admitted: asyncio.Future[None]) -> None:
        self._remove(tool, admitted)
        self._admit()  # it may have held the others back

    def _remove(self, tool: str, admitted: asyncio.Future[None]) -> None:
        line = self._lines.get(tool)
        if line is None or line.pop(admitted, None) is None:
            return  # somebody was faster
        if not line:
            del self._lines[tool]
        self.queued -= 1

    def _queue_full(self) -> QueueFull:
        retry_ms = int(self._recent_ms * self.queued / max(self.running, 1)) + 1
        return QueueFull(f"{self.queued} calls are waiting already.", retryAfterMs=retry_ms)
