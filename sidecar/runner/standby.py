"""The workers of one zygote that stand by, and how many should: more than usual while calls come in a rush.

Invariant: a worker is taken once. There are never to be more than `most`, and soon after a rush no more than `least`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sidecar.runner.worker import Worker

# At least this long after the last call of a rush, and at most twice as long.
_RUSH_S = 10.0


class Standby:
    """As many as `least`, twice as many whenever that was not enough, and never more than `most`."""

    def __init__(self, least: int, most: int) -> None:
        self._least = least
        self._most = most
        self._wanted = least
        self._workers: deque[Worker] = deque()
        self._calm: asyncio.TimerHandle | None = None
        self._rush_goes_on = False

    def __len__(self) -> int:
        return len(self._workers)

    @property
    def missing(self) -> int:
        """How many should be added; not more than 0 where there are enough."""
        return self._wanted - len(self._workers)

    def add(self, worker: Worker) -> None:
        """One that is jailed and has been sent nothing."""
        self._workers.append(worker)

    def take(self) -> Worker | None:
        """The one that has waited longest; None where there is none that can be used."""
        worker: Worker | None = None
        while self._workers:
            worker = self._workers.popleft()
            if worker.usable:
                break
            worker.discard()
            worker = None
        if not self._workers:
            self._expect_more()
        elif self.missing > self._least:
            self._rush_goes_on = True
        return worker

    def clear(self) -> None:
        """End them all."""
        if self._calm is not None:
            self._calm.cancel()
            self._calm = None
        self._wanted = self._least
        while self._workers:
            self._workers.popleft().discard()

    def _expect_more(self) -> None:
        self._rush_goes_on = True
        if self._wanted < self._most:
            self._wanted = min(2 * self._wanted, self._most)
            if self._calm is None:
                self._wait_for_calm()

    def _wait_for_calm(self) -> None:
        self._rush_goes_on = False
        self._calm = asyncio.get_running_loop().call_later(_RUSH_S, self._look)

    def _look(self) -> None:
        if self._rush_goes_on:
            self._wait_for_calm()
            return
        self._calm = None
        self._wanted = self._least
        while self.missing < 0:
            self._workers.popleft().discard()
