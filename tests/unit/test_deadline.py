"""Deadlines: on the monotonic clock, and forgiving where nothing ran."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from sidecar.runner.deadline import Deadline

if TYPE_CHECKING:
    import pytest


def elapsed(after_s: float, stopped_s: float = 0.0) -> float:
    """How long a deadline takes that is set right before the event loop stands still for `stopped_s`."""

    async def scenario() -> float:
        passed = asyncio.Event()
        started = time.monotonic()
        Deadline(after_s, passed.set)
        time.sleep(stopped_s)  # noqa: ASYNC251 - nothing runs, which is the point
        await asyncio.wait_for(passed.wait(), 20)
        return time.monotonic() - started

    return asyncio.run(scenario())


def test_it_passes_when_it_is_due() -> None:
    assert 0.2 <= elapsed(0.2) < 10


def test_time_in_which_nothing_ran_is_given_back_once() -> None:
    # Due at 0.5 s, met at 1.6 s: late by 1.1 s, of which no more than the whole time is given back.
    assert 2.1 <= elapsed(0.5, stopped_s=1.6) < 12


def test_steps_of_the_clock_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = iter(range(10**9))
    monkeypatch.setattr(time, "time", lambda: 10**9 * (-1) ** next(steps))
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert 0.2 <= elapsed(0.2) < 10


def test_a_cancelled_one_calls_nobody() -> None:
    async def scenario() -> bool:
        passed = asyncio.Event()
        Deadline(0.01, passed.set).cancel()
        await asyncio.sleep(0.1)
        return passed.is_set()

    assert asyncio.run(scenario()) is False
