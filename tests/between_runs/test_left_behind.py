"""Nothing that a call leaves, whatever it tries, is found by a call that begins after it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from channels import AFTERWARDS, IN_PROCESS, Channel, arguments, came_through, channels

if TYPE_CHECKING:
    from harness import ToolRunner
    from places import Place

pytest_plugins = ["sides"]

ALL = channels(*AFTERWARDS, IN_PROCESS)


@pytest.mark.parametrize("channel", ALL, ids=lambda channel: f"{channel.file}-{channel.id}")
def test_nothing_is_left_for_a_later_call(channel: Channel, first: ToolRunner, places: dict[str, Place]) -> None:
    args = arguments()
    unaware = {**args, "token": ""}
    before = first.run(channel.tool("find"), unaware).data
    left = first.run(channel.tool("leave"), args).data
    # Workers that were forked before the sender ran, while it ran, and when it had ended.
    found = {
        f"{place}, {number}": places[place].run(channel.tool("find"), unaware)
        for place in places
        for number in range(first.config.standby_workers + 2 if place == "the same sidecar" else 1)
    }
    assert not came_through(args, left, found), (args, left, found)
    assert not came_through(args, left, before), "the channel says so without a sender"
