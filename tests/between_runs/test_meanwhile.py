"""Nothing that a call does is noticed by another that runs at the same time, whatever both try."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from channels import AFTERWARDS, MEANWHILE, WAITING, Channel, arguments, came_through, channels
from places import Place, parked

if TYPE_CHECKING:
    from harness import ToolRunner

pytest_plugins = ["sides"]


@pytest.mark.parametrize("channel", channels(MEANWHILE, *AFTERWARDS), ids=lambda channel: channel.id)
def test_nothing_that_a_call_holds_is_found_by_another(
    channel: Channel, first: ToolRunner, places: dict[str, Place]
) -> None:
    args = arguments()
    with parked(first, channel.tool("leave_and_wait"), args) as sender:
        told = {**args, "token": "", "hint": sender.hint}
        found = {name: place.run(channel.tool("find"), told) for name, place in places.items()}
    assert not came_through(args, sender.left, found), (args, sender.left, found)


@pytest.mark.parametrize("place", ["the same sidecar", "another sidecar", "another sidecar's process"])
@pytest.mark.parametrize("channel", channels(WAITING), ids=lambda channel: channel.id)
def test_nothing_that_a_call_does_reaches_one_that_waits_for_it(
    channel: Channel, place: str, first: ToolRunner, places: dict[str, Place]
) -> None:
    args = arguments()
    with parked(first, channel.tool("find"), {**args, "token": ""}) as receiver:
        left = places[place].run(channel.tool("leave"), {**args, "hint": receiver.hint})
        found = first.on_loop(receiver.result())
    assert not came_through(args, left, found), (args, left, found)


def test_a_call_that_is_parked_is_there_while_another_runs(first: ToolRunner, places: dict[str, Place]) -> None:
    waits = channels(MEANWHILE)[0].tool("leave_and_wait")
    with parked(first, waits, arguments()):
        for place in places.values():
            assert place.run("def run(args): return 1") == 1
        assert first.runner.gauges()["running"] == 1
    assert first.runner.gauges()["running"] == 0
