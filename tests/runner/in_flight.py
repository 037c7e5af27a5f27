"""Calls that are under way when a test does something to them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from harness import PATIENCE_S

if TYPE_CHECKING:
    from harness import ToolRunner

HANGS = "print('here')\ndef run(args):\n    while True: pass"
WORKS = "def run(args): return 1"


async def started(tools: ToolRunner, code: str = HANGS, **options: Any) -> asyncio.Task[Any]:
    """Return the task of a call that has printed something by now."""
    printed = asyncio.Event()
    request = tools.request(code, timeout_ms=20_000, on_output=lambda *_: printed.set(), **options)
    task = asyncio.ensure_future(tools.runner.run(request))
    await asyncio.wait_for(printed.wait(), PATIENCE_S)
    return task


async def until_queued(tools: ToolRunner, count: int) -> None:
    for _ in range(1000):
        if tools.runner.gauges()["queued"] == count:
            return
        await asyncio.sleep(0)
    raise AssertionError(tools.runner.gauges())
