"""A deadline on the monotonic clock that counts only time in which something ran.

CLOCK_MONOTONIC knows no steps and stands still while the machine sleeps (clock_gettime(2)). It goes on while a virtual
machine is paused, a cgroup frozen or a process stopped. So the time is counted in slices, and a slice whose end comes
far too late is counted again: nobody had it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# The most that a call may get too much after a standstill. Most calls end within their first slice.
_SLICE_S = 1.0
# More than a busy event loop is ever late.
_STOOD_STILL_S = 1.0


class Deadline:
    """Calls `on_passed` after `after_s`, unless it is cancelled before."""

    def __init__(self, after_s: float, on_passed: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_passed = on_passed
        self._behind_s = after_s
        self._arm()

    @property
    def left_s(self) -> float:
        """What is left of the time."""
        return max(self._behind_s + self._due - self._loop.time(), 0.0)

    def cancel(self) -> None:
        """Call nobody any more."""
        self._timer.cancel()
        self._on_passed = _nobody

    def _arm(self) -> None:
        self._slice_s = min(self._behind_s, _SLICE_S)
        self._behind_s -= self._slice_s
        self._due = self._loop.time() + self._slice_s
        self._timer = self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        late_s = self._loop.time() - self._due
        self._behind_s += self._slice_s if late_s >= _STOOD_STILL_S else -late_s
        if self._behind_s > 0:
            self._arm()
        else:
            # Let go of, as in `cancel`: who is called mostly holds this deadline, and what its call has held.
            on_passed, self._on_passed = self._on_passed, _nobody
            on_passed()


def _nobody() -> None:
    pass
