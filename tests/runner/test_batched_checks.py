"""Many sources at once: a worker for many of them, and each judged as if it had been alone."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import harness
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sidecar.runner.outcome import Compiled

GOOD = "def run(args):\n    return {}\n"
BAD = "def run(args):\n    return (\n"
WARNED = "VALUE = 1\n"
HINTED = "def run(*, text: str): return text"
CRASHING = "(" * 100_000 + ")" * 100_000


@pytest.fixture
def tools() -> Iterator[harness.ToolRunner]:
    made = harness.ToolRunner(harness.config(standby_workers=1))
    yield made
    made.close()


def checked(tools: harness.ToolRunner, codes: list[str]) -> list[Compiled]:
    async def all_at_once() -> list[Compiled]:
        return await asyncio.gather(*(tools.runner.check(code, sys.executable) for code in codes))

    return tools.on_loop(all_at_once())


def test_each_of_many_sources_gets_the_findings_that_it_gets_alone(tools: harness.ToolRunner) -> None:
    codes = [GOOD, BAD, WARNED, HINTED, CRASHING, GOOD, "def run(args):\n  x = '\ud800'\n", "\ufeff" + GOOD] * 3
    alone = {code: tools.compile(code) for code in set(codes)}
    assert checked(tools, codes) == [alone[code] for code in codes]
    assert alone[GOOD].diagnostics == ()
    assert alone[BAD].diagnostics[0].severity == "error"


def test_a_thousand_sources_take_a_few_workers(tools: harness.ToolRunner) -> None:
    tools.compile(GOOD)
    pool = next(iter(tools.runner._pools))
    spawned = 0
    acquire = pool.acquire

    async def counted() -> object:
        nonlocal spawned
        spawned += 1
        return await acquire()

    pool.acquire = counted  # type: ignore[method-assign, assignment]
    codes = [GOOD + f"# {number}\n" for number in range(1000)]
    assert all(one.diagnostics == () and not one.hinted for one in checked(tools, codes))
    assert spawned < 50


def test_a_batch_whose_worker_dies_is_looked_at_one_by_one(tools: harness.ToolRunner) -> None:
    found = checked(tools, [GOOD, CRASHING, GOOD + "#", CRASHING + "#"])
    assert [len(one.diagnostics) for one in found] == [0, 1, 0, 1]
    assert tools.run(GOOD).data == {}


def test_closing_under_a_batch_leaves_nobody_waiting(tools: harness.ToolRunner) -> None:
    async def scenario() -> list[object]:
        tasks = [
            asyncio.ensure_future(tools.runner.check(GOOD + f"#{number}", sys.executable)) for number in range(300)
        ]
        await asyncio.sleep(0)
        await tools.runner.close()
        return list(await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), harness.PATIENCE_S))

    assert len(tools.on_loop(scenario())) == 300
