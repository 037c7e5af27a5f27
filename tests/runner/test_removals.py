"""What tools leave on disk is gone when their calls have been answered, or few have overtaken it."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import harness

from sidecar.runner import removals
from sidecar.runner.removals import Removals

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_what_is_removed_soon_is_waited_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        there = Removals()
        (tmp_path / "left" / "below").mkdir(parents=True)
        await there.wait(there.begin(str(tmp_path / "left")))
        assert not (tmp_path / "left").exists()
        await there.wait(there.begin(str(tmp_path / "left")))
        await asyncio.sleep(0)
        assert there.pending == 0

    asyncio.run(scenario())


def test_few_calls_are_answered_before_what_they_left_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = threading.Event()
    monkeypatch.setattr(removals, "remove", lambda _: gone.wait(harness.PATIENCE_S))
    monkeypatch.setattr(removals, "_PATIENCE_S", 0)

    async def scenario() -> None:
        there = Removals()
        removing = [there.begin("/nowhere") for _ in range(20)]
        answers = {asyncio.ensure_future(there.wait(one)) for one in removing}
        for _ in range(100):  # turns of the event loop, for patience that is over at once
            await asyncio.sleep(0)
        assert sum(answer.done() for answer in answers) == 4
        gone.set()
        await asyncio.wait_for(asyncio.gather(*answers, *removing), harness.PATIENCE_S)
        assert there.pending == 0

    asyncio.run(scenario())
