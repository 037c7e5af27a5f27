"""When a sidecar that was lost may be started again, and what the calls are told that were lost with it.

Invariant: the first death costs no wait, each that soon follows doubles it, and after the fifth within a minute calls
fail at once with the way back. The same rule as the TypeScript client's `restarts.ts`; a test compares them.
"""

from __future__ import annotations

import collections
import contextlib
import math
import time
from typing import TYPE_CHECKING

from sidecar.client.errors import LostSidecar, SidecarExited

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_DEATHS = 5
WINDOW_MS = 60_000
FIRST_DELAY_MS = 100


class Restarts:
    """Of one runner's sidecars, one after the other."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._deaths_ms: collections.deque[float] = collections.deque()
        self._last: LostSidecar | None = None

    def died(self, reason: LostSidecar) -> None:
        """Take note of an end that nobody asked for, perhaps during the start."""
        self._deaths_ms.append(self._clock() * 1000)
        self._last = reason

    def delay_s(self) -> float:
        """How long the next start has to wait. Raises `SidecarExited`, with the last one's words, if it is given up."""
        now_ms = self._clock() * 1000
        while self._deaths_ms and now_ms - self._deaths_ms[0] >= WINDOW_MS:
            self._deaths_ms.popleft()
        deaths = len(self._deaths_ms)
        if deaths >= MAX_DEATHS:
            raise self._given_up(now_ms)
        due_ms = self._deaths_ms[-1] + FIRST_DELAY_MS * 2.0 ** (deaths - 2) if deaths > 1 else now_ms
        return max(due_ms - now_ms, 0.0) / 1000

    def _given_up(self, now_ms: float) -> SidecarExited:
        retry_ms = math.ceil(self._deaths_ms[-MAX_DEATHS] + WINDOW_MS - now_ms)
        message = (
            f"The sidecar has died {len(self._deaths_ms)} times within {WINDOW_MS // 1000} s and is not started again "
            f"for {math.ceil(retry_ms / 1000)} s. The last time: {self._last}"
        )
        facts = {**(self._last.data if self._last else {}), "deaths": len(self._deaths_ms), "retryAfterMs": retry_ms}
        told = SidecarExited(message)
        told.data = {**facts, **told.data, "retryable": True, "mayHaveRun": False}
        return told


@contextlib.contextmanager
def lost_call(*, may_have_run: bool) -> Iterator[None]:
    """Have a `LostSidecar` say whether the tool may have run; it left nothing behind, and may run again either way."""
    try:
        yield
    except LostSidecar as lost:
        if "mayHaveRun" not in lost.data:
            is_retryable = isinstance(lost, SidecarExited)
            # A dict of its own: other calls were given copies of this error.
            lost.data = {**lost.data, "retryable": is_retryable, "mayHaveRun": may_have_run}
        raise
