"""How many workers stand by: more while calls come in a rush, as many as before when it is over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import harness
import pytest
from in_flight import WORKS

from sidecar.runner import standby

if TYPE_CHECKING:
    from collections.abc import Callable

LEAST, MOST = 2, 5
AT_ONCE = 8


def stand_by(tools: harness.ToolRunner) -> int:
    return int(tools.runner.gauges()["standby"])


def rush(tools: harness.ToolRunner) -> None:
    async def calls() -> None:
        for outcome in await asyncio.gather(*(tools.runner.run(tools.request(WORKS)) for _ in range(AT_ONCE))):
            assert harness.Reply.of(outcome).data == 1

    tools.on_loop(calls())


def until(tools: harness.ToolRunner, is_so: Callable[[], bool]) -> None:
    tools.on_loop(harness.until(is_so))
    assert is_so(), tools.runner.gauges()


def test_a_rush_brings_more_workers_which_go_when_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standby, "_RUSH_S", 0.5)
    tools = harness.ToolRunner(harness.config(max_concurrency=4, standby_workers=LEAST, standby_workers_max=MOST))
    try:
        seen = set()
        for _ in range(100):
            rush(tools)
            until(tools, lambda: all(pool._standby.missing <= 0 for pool in tools.runner._pools))
            seen.add(stand_by(tools))
            if MOST in seen:
                break
        assert max(seen) == MOST
        until(tools, lambda: stand_by(tools) == LEAST)
        assert tools.run(WORKS).data == 1
    finally:
        tools.close()


@pytest.mark.parametrize("most", [0, LEAST], ids=["none was named", "as many as usual"])
def test_without_room_for_more_a_rush_brings_none(most: int) -> None:
    tools = harness.ToolRunner(harness.config(max_concurrency=4, standby_workers=LEAST, standby_workers_max=most))
    try:
        for _ in range(5):
            rush(tools)
            until(tools, lambda: stand_by(tools) == LEAST)
    finally:
        tools.close()


def test_a_zygote_that_is_replaced_begins_with_the_usual_number() -> None:
    tools = harness.ToolRunner(harness.config(max_concurrency=4, standby_workers=LEAST, standby_workers_max=MOST))
    try:
        rush(tools)

        async def cleared() -> int:
            (pool,) = tools.runner._pools
            assert pool._standby._wanted > LEAST
            pool._standby.clear()
            return pool._standby.missing

        assert tools.on_loop(cleared()) == LEAST
        assert tools.run(WORKS).data == 1
    finally:
        tools.close()
