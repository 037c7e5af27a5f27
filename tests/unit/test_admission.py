"""Whose turn it is: slots, the memory budget, the bounded queue, and tools that take turns."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sidecar.errors import QueueFull
from sidecar.runner.admission import Admission

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

NO_HURRY_MS = 60_000.0


def door(max_running: int = 1, max_queued: int = 10_000, budget_mb: int = 1000) -> Admission:
    return Admission(max_running, max_queued, budget_mb)


class Crowd:
    """Calls in front of one door, which note the order in which they got in."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self.entered: list[str] = []

    def arrive(self, tool: str, memory_mb: int = 1, name: str | None = None) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(self._enter(tool, memory_mb, name or tool))

    async def _enter(self, tool: str, memory_mb: int, name: str) -> None:
        await self.admission.enter(tool, memory_mb, NO_HURRY_MS)
        self.entered.append(name)

    async def leave_all(self, *memory_mb: int) -> None:
        for amount in memory_mb:
            self.admission.leave(amount)
            await _turns()


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await asyncio.wait_for(scenario(), 20)

    asyncio.run(main())


def test_without_a_queue_a_call_enters_without_a_turn_of_the_event_loop() -> None:
    entering = door().enter("tool", 10, NO_HURRY_MS)
    with pytest.raises(StopIteration):
        entering.send(None)


def test_a_tool_with_a_thousand_calls_in_the_queue_delays_another_by_one_call() -> None:
    async def scenario() -> None:
        crowd = Crowd(door())
        for _ in range(1000):
            crowd.arrive("greedy")
        await _turns()
        crowd.arrive("modest")
        crowd.arrive("modest")
        await _turns()
        await crowd.leave_all(1, 1, 1, 1)
        assert crowd.entered == ["greedy", "greedy", "modest", "greedy", "modest"]
        assert (crowd.admission.running, crowd.admission.queued) == (1, 997)

    run(scenario)


def test_calls_of_one_tool_keep_their_order() -> None:
    async def scenario() -> None:
        crowd = Crowd(door())
        for number in range(5):
            crowd.arrive("tool", name=str(number))
        await _turns()
        await crowd.leave_all(1, 1, 1, 1)
        assert crowd.entered == ["0", "1", "2", "3", "4"]

    run(scenario)


def test_what_runs_fits_into_the_memory_budget() -> None:
    async def scenario() -> None:
        crowd = Crowd(door(max_running=100, budget_mb=1000))
        for name in ("first", "second", "third"):
            crowd.arrive(name, 400)
        await _turns()
        assert crowd.entered == ["first", "second"]
        assert crowd.admission.memory_mb == 800
        await crowd.leave_all(400)
        assert crowd.entered == ["first", "second", "third"]

    run(scenario)


def test_a_large_call_is_not_passed_over_for_ever() -> None:
    async def scenario() -> None:
        crowd = Crowd(door(max_running=100, budget_mb=1000))
        crowd.arrive("small", 600)
        await _turns()
        crowd.arrive("large", 1000)
        for _ in range(50):
            crowd.arrive("small", 100)
        await _turns()
        assert crowd.entered == ["small"]
        await crowd.leave_all(600)
        assert crowd.entered == ["small", "large"]
        await crowd.leave_all(1000)
        assert crowd.entered[2:] == ["small"] * 10

    run(scenario)


def test_a_call_that_gives_up_lets_those_behind_it_in() -> None:
    async def scenario() -> None:
        crowd = Crowd(door(max_running=100, budget_mb=1000))
        crowd.arrive("small", 600)
        await _turns()
        large = crowd.arrive("large", 1000)
        await _turns()
        crowd.arrive("behind", 100)
        await _turns()
        assert crowd.entered == ["small"]
        large.cancel()
        await _turns()
        assert crowd.entered == ["small", "behind"]

    run(scenario)


def test_what_is_more_than_the_budget_is_alone_while_it_runs() -> None:
    async def scenario() -> None:
        crowd = Crowd(door(max_running=100, budget_mb=1000))
        for name in ("before", "huge", "after"):
            crowd.arrive(name, 2000 if name == "huge" else 1)
            await _turns()
        assert crowd.entered == ["before"]
        await crowd.leave_all(1)
        assert crowd.entered == ["before", "huge"]
        await crowd.leave_all(2000)
        assert crowd.entered == ["before", "huge", "after"]

    run(scenario)


def test_a_full_queue_refuses_at_once_and_says_when_to_come_back() -> None:
    async def scenario() -> None:
        crowd = Crowd(door(max_queued=2))
        for _ in range(3):
            crowd.arrive("tool")
        await _turns()
        crowd.admission.measured(1000)
        with pytest.raises(QueueFull, match="2 calls are waiting") as caught:
            await crowd.admission.enter("other", 1, NO_HURRY_MS)
        assert caught.value.data["retryAfterMs"] > 2 * 50

    run(scenario)


def test_a_call_that_waits_too_long_is_late_and_leaves_no_trace() -> None:
    async def scenario() -> None:
        admission = door()
        await admission.enter("tool", 1, NO_HURRY_MS)
        with pytest.raises(TimeoutError):
            await admission.enter("tool", 1, 10)
        assert (admission.running, admission.queued, admission.memory_mb) == (1, 0, 1)
        admission.leave(1)
        await admission.enter("tool", 1, NO_HURRY_MS)

    run(scenario)


def test_a_cancellation_that_comes_together_with_the_turn_gives_the_place_back() -> None:
    async def scenario() -> None:
        crowd = Crowd(door())
        crowd.arrive("first")
        await _turns()
        waiting = crowd.arrive("second")
        await _turns()
        crowd.admission.leave(1)
        waiting.cancel()
        await _turns()
        assert crowd.entered == ["first"]
        assert (crowd.admission.running, crowd.admission.queued, crowd.admission.memory_mb) == (0, 0, 0)

    run(scenario)


def test_only_memory_that_nobody_waits_for_is_lent_and_it_comes_back() -> None:
    async def scenario() -> None:
        crowd = Crowd(door(max_running=3, budget_mb=100))
        with crowd.admission.lent(60) as is_lent:
            assert is_lent
            with crowd.admission.lent(50) as more:
                assert not more
            for name in ("first", "second"):
                crowd.arrive(name, 30)
            await _turns()
            assert crowd.entered == ["first"]
            with crowd.admission.lent(1) as before_the_line:
                assert not before_the_line
        await _turns()
        assert crowd.entered == ["first", "second"]
        assert crowd.admission.memory_mb == 60

    run(scenario)
