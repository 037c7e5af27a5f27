"""When a zygote is started again: at once, then later and later, then not for everybody who asks."""

from __future__ import annotations

import asyncio
import logging

import pytest

from sidecar.errors import InternalError, SandboxUnavailable
from sidecar.runner.supervision import LOOP_DEATHS, WINDOW_S, Supervision


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> list[float]:
    """The pauses that were slept, which the clock follows."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(round(seconds, 3))
        clock.now += seconds

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return slept


def start(supervised: Supervision) -> None:
    asyncio.run(supervised.may_start())


def test_the_first_death_costs_no_wait_and_each_that_follows_doubles_it(clock: Clock, pauses: list[float]) -> None:
    supervised = Supervision("python", clock)
    for _ in range(LOOP_DEATHS - 1):
        supervised.died("signal 9")
        start(supervised)
    assert pauses == [0.1, 0.2, 0.4]


def test_a_crash_loop_is_told_at_once_with_the_way_back(clock: Clock, pauses: list[float]) -> None:
    supervised = Supervision("/usr/bin/python", clock)
    for _ in range(LOOP_DEATHS):
        supervised.died("exit status 1: no module named encodings")
    with pytest.raises(InternalError) as caught:
        start(supervised)
    for part in ("/usr/bin/python", "5 times within 60 s", "no module named encodings", "tried in 0.8 s"):
        assert part in caught.value.message
    assert (caught.value.data["retryable"], caught.value.data["mayHaveRun"]) == (True, False)
    clock.now += caught.value.data["retryAfterMs"] / 1000
    start(supervised)
    assert pauses == []


def test_the_pause_is_bounded(clock: Clock) -> None:
    supervised = Supervision("python", clock)
    for _ in range(200):
        supervised.died("again")
    clock.now += 10.0
    start(supervised)


def test_old_deaths_are_forgotten(clock: Clock, pauses: list[float]) -> None:
    supervised = Supervision("python", clock)
    for _ in range(20):
        supervised.died("now and then")
        start(supervised)
        clock.now += WINDOW_S + 1
    assert pauses == []


def test_each_death_is_logged_and_the_loop_as_an_error(caplog: pytest.LogCaptureFixture, clock: Clock) -> None:
    supervised = Supervision("python", clock)
    for _ in range(LOOP_DEATHS):
        supervised.died("signal 9")
    told = [(record.levelno, record.getMessage()) for record in caplog.records]
    assert told == [(logging.WARNING, "a zygote died")] * 4 + [(logging.ERROR, "a zygote keeps dying")]


def test_one_that_never_started_goes_on_being_refused_as_it_was(clock: Clock, pauses: list[float]) -> None:
    supervised = Supervision("python", clock)
    missing = [{"layer": "zygote", "reason": "no module named encodings", "fix": "see the reason"}]
    for _ in range(LOOP_DEATHS):
        supervised.died("no module named encodings", SandboxUnavailable("It cannot be started.", missing=missing))
    for _ in range(2):
        with pytest.raises(SandboxUnavailable, match="cannot be started") as caught:
            start(supervised)
        assert caught.value.data == {"kind": "sandbox_unavailable", "missing": missing}
    assert pauses == []
