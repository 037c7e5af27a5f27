"""Each channel outside the jail, where it must work: what cannot be found here could not be missed in a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import outside
import pytest
from channels import AFTERWARDS, IN_PROCESS, MEANWHILE, WAITING, Channel, came_through, channels

if TYPE_CHECKING:
    from pathlib import Path

ALL = channels(*AFTERWARDS, IN_PROCESS, MEANWHILE, WAITING)


def test_each_channel_has_a_name_of_its_own() -> None:
    assert len({channel.id for channel in ALL}) == len(ALL) >= 40


@pytest.mark.parametrize("channel", ALL, ids=lambda channel: f"{channel.file}-{channel.id}")
def test_two_ordinary_processes_can_use_the_channel(channel: Channel, tmp_path: Path) -> None:
    args, left, found = outside.attempt(channel, outside.World(tmp_path))
    if left is False and channel.lacks is not None:
        pytest.skip(f"outside the jail, this machine lacks {channel.lacks}")
    assert came_through(args, left, found), (args, left, found)
