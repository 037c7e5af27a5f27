"""Where nothing can be mounted, scratch directories are watched, whatever else there is to do."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import harness
import pytest

from sidecar.errors import SandboxUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

FILLS = """
import time
def run(args):
    for number in range(3):
        with open(str(number), "wb") as file:
            for _ in range(40):
                file.write(b"x" * (1 << 20))
    time.sleep(30)
"""


@pytest.fixture
def among_others() -> Iterator[harness.ToolRunner]:
    runner = harness.ToolRunner(harness.config(max_concurrency=1), without=frozenset({"namespaces"}))
    try:
        runner.run("def run(args): return 1")
    except SandboxUnavailable as refusal:
        runner.close()
        pytest.skip(f"this machine lacks the second home: {refusal}")
    yield runner
    runner.close()


def test_a_full_one_is_seen_while_what_others_have_left_is_being_removed(among_others: harness.ToolRunner) -> None:
    removed = threading.Event()

    async def scenario() -> str:
        loop = asyncio.get_running_loop()
        # More than there are threads for such things, each of which takes as long as a hostile tree does.
        removals = [loop.run_in_executor(None, removed.wait, harness.PATIENCE_S) for _ in range(64)]
        record = await among_others.runner.run(among_others.request(FILLS, timeout_ms=20_000))
        removed.set()
        await asyncio.wait(removals)
        return record.code

    assert among_others.on_loop(scenario()) == "output_limit"
    assert among_others.run("def run(args): return 1").data == 1
