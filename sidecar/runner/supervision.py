"""When a zygote that died is started again, and what is said of one that keeps dying.

Invariant: the first death costs no wait, each that soon follows doubles it, and from the fifth on nobody waits: it is a
crash loop, calls fail at once with the way back, and one start is tried when the pause is over.
"""

from __future__ import annotations

import asyncio
import collections
import logging
import time
from typing import TYPE_CHECKING

from sidecar.errors import InternalError, SandboxUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

# Deaths that are longer ago are forgotten.
WINDOW_S = 60.0
LOOP_DEATHS = 5
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 10.0


class Supervision:
    """Of the zygotes of one interpreter, one after the other."""

    def __init__(self, interpreter: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._interpreter = interpreter
        self._clock = clock
        self._deaths: collections.deque[float] = collections.deque()
        self._last_words = ""
        self._refusal: SandboxUnavailable | None = None
        self._start_at = 0.0

    def died(self, last_words: str, refusal: SandboxUnavailable | None = None) -> None:
        """Take note of a death, and log it: `last_words` say how it ended; with `refusal`, it never started."""
        now = self._clock()
        self._deaths.append(now)
        self._forget(now)
        count = len(self._deaths)
        pause_s = _FIRST_PAUSE_S * 2 ** min(count - 2, 10) if count > 1 else 0.0
        self._start_at = now + min(pause_s, _LONGEST_PAUSE_S)
        self._last_words = last_words
        self._refusal = refusal
        level = logging.ERROR if count >= LOOP_DEATHS else logging.WARNING
        fields = {"interpreter": self._interpreter, "deaths": count, "withinS": WINDOW_S, "lastWords": last_words}
        log.log(level, "a zygote keeps dying" if count >= LOOP_DEATHS else "a zygote died", extra={"fields": fields})

    async def may_start(self) -> None:
        """Wait until the next start is due. In a crash loop `InternalError`, or the last refusal, at once."""
        now = self._clock()
        self._forget(now)
        pause_s = self._start_at - now
        if pause_s <= 0:
            return
        if len(self._deaths) < LOOP_DEATHS:
            await asyncio.sleep(pause_s)
            return
        if self._refusal is not None:
            raise SandboxUnavailable(self._refusal.message, missing=self._refusal.data["missing"])
        message = (
            f"No process for the call: the zygote of {self._interpreter} has died {len(self._deaths)} times within "
            f"{WINDOW_S:.0f} s, last with: {self._last_words}. The next start is tried in {pause_s:.1f} s."
        )
        raise InternalError(message, retryable=True, mayHaveRun=False, retryAfterMs=int(pause_s * 1000) + 1)

    def _forget(self, now: float) -> None:
        while self._deaths and now - self._deaths[0] > WINDOW_S:
            self._deaths.popleft()
