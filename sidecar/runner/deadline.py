"""A deadline on the monotonic clock, which forgives once that nothing ran.

CLOCK_MONOTONIC knows no steps and stands still while the machine sleeps (clock_gettime(2)). It goes on while a virtual
machine is paused, a cgroup frozen or a process stopped. Then the timer comes late by as long as nobody ran, and the
call gets that time back: as much as its whole time at most, so that nothing lives for ever.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# More than a busy event loop is ever late.
_STOOD_STILL_S = 1.0


class Deadline:
    """Calls `on_passed` after `after_s`, unless it is cancelled before."""

    def __init__(self, after_s: float, on_passed: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._after_s = after_s
        self._on_passed = on_passed
        self._due = self._loop.time() + after_s
        self._timer = self._loop.call_at(self._due, self._look)

    def cancel(self) -> None:
        """Call nobody any more."""
        self._timer.cancel()

    def _look(self) -> None:
        late_s = self._loop.time() - self._due
        if late_s < _STOOD_STILL_S:
            self._on_passed()
        else:
            self._timer = self._loop.call_later(min(late_s, self._after_s), self._on_passed)
