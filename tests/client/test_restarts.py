"""When the Python client starts a sidecar again, when it gives up, and what it says of the calls that were lost."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sidecar.client import LostSidecar, PyRunner, SidecarExited, SidecarUnresponsive
from sidecar.client import restarts as rule
from sidecar.client.restarts import Restarts, lost_call

RESTARTS_TS = Path(__file__).parents[2] / "ts-client/src/restarts.ts"
DEATH = SidecarExited("It died.\nIts last words on stderr:\nout of luck", exitCode=3, stderrTail="out of luck")


class Clock:
    """Shows the time that it was set to, in seconds."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def restarts(clock: Clock) -> Restarts:
    return Restarts(clock)


def test_the_first_death_costs_no_delay_and_each_that_soon_follows_doubles_it(restarts: Restarts) -> None:
    delays_s = []
    for _ in range(4):
        restarts.died(DEATH)
        delays_s.append(restarts.delay_s())
    assert delays_s == [0.0, 0.1, 0.2, 0.4]


def test_time_that_has_passed_since_the_death_counts(restarts: Restarts, clock: Clock) -> None:
    restarts.died(DEATH)
    restarts.died(DEATH)
    clock.now_s = 0.06
    assert restarts.delay_s() == pytest.approx(0.04)
    clock.now_s = 1.0
    assert restarts.delay_s() == 0.0


def test_after_five_deaths_within_a_minute_it_is_given_up_for_now(restarts: Restarts, clock: Clock) -> None:
    for clock.now_s in (0.0, 10.0, 20.0, 30.0, 40.0):
        restarts.died(DEATH)
    with pytest.raises(SidecarExited) as given_up:
        restarts.delay_s()
    assert str(given_up.value).startswith("The sidecar has died 5 times within 60 s and is not started again for 20 s.")
    assert str(given_up.value).endswith("out of luck")
    facts = {"deaths": 5, "retryAfterMs": 20_000, "retryable": True, "mayHaveRun": False}
    assert given_up.value.data == {"kind": "sidecar_exited", "exitCode": 3, "stderrTail": "out of luck", **facts}
    clock.now_s = 60.0
    assert restarts.delay_s() == 0.0


def test_deaths_that_are_far_apart_are_no_crash_loop(restarts: Restarts, clock: Clock) -> None:
    for _ in range(20):
        clock.now_s += 61.0
        restarts.died(DEATH)
        assert restarts.delay_s() == 0.0


def test_both_clients_have_one_rule() -> None:
    source = RESTARTS_TS.read_text(encoding="utf-8").replace("_000", "000")
    for name in ("MAX_DEATHS", "WINDOW_MS", "FIRST_DELAY_MS"):
        assert f"const {name} = {getattr(rule, name)};" in source


def test_a_sidecar_that_keeps_dying_at_its_start_is_given_up_and_later_calls_are_told_at_once() -> None:
    with PyRunner(sidecar=[sys.executable, "-c", "import sys; sys.exit('no good')"]) as runner:
        for _ in range(5):
            with pytest.raises(SidecarExited, match="exited with code 1 as it started") as lost:
                runner.run(code="def run(args): return args")
            assert (lost.value.data["retryable"], lost.value.data["mayHaveRun"]) == (True, False)
        with pytest.raises(SidecarExited, match=r"has died 5 times within 60 s.*\n.*\nno good") as given_up:
            runner.stats()
        assert 0 < given_up.value.data["retryAfterMs"] <= 60_000
        told = runner.run_safe(code="def run(args): return args")["error"]
        assert (told["code"], told["data"]["deaths"]) == ("sidecar_exited", 5)


@pytest.mark.parametrize("error", [SidecarExited("no"), SidecarUnresponsive("no")])
def test_only_a_process_that_ended_makes_a_call_retryable(error: LostSidecar) -> None:
    before = error.data
    with pytest.raises(type(error)), lost_call(may_have_run=True):
        raise error
    assert error.data == {**before, "retryable": isinstance(error, SidecarExited), "mayHaveRun": True}
    assert "mayHaveRun" not in before, "another call's copy has this dict too"
