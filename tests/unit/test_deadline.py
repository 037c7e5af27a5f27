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


def test_time_in_which_nothing_ran_does_not_count() -> None:
    # Due at 0.5 s, met at 1.6 s: nobody had that half second, so it begins again.
    assert 2.1 <= elapsed(0.5, stopped_s=1.6) < 12


def test_only_the_slice_in_which_nothing_ran_is_counted_again() -> None:
    # 1.5 s are a slice of 1 s, met at 2.5 s, which is given again, and the rest.
    assert 4.0 <= elapsed(1.5, stopped_s=2.5) < 14


def test_a_long_deadline_is_as_exact_as_a_short_one() -> None:
    assert 2.5 <= elapsed(2.5) < 12


def test_what_is_left_grows_less() -> None:
    async def scenario() -> list[float]:
        deadline = Deadline(5.0, lambda: None)
        left = [deadline.left_s]
        await asyncio.sleep(1.2)
        left.append(deadline.left_s)
        deadline.cancel()
        return left

    first, later = asyncio.run(scenario())
    assert 4.9 <= first <= 5.0
    assert later <= 3.81


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
