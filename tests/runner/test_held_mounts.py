"""What dead workers leave in memory is bounded: the mounts that are held for them keep their scratch directories."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import harness
import pytest

from sidecar.runner.mount_namespaces import LITTLE_BYTES, HeldMounts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness import ToolRunner

# From a thread, too, that goes on writing when the result is there.
FILLS = """
import threading
def fill(name, count):
    with open(name, "wb") as file:
        for _ in range(count):
            file.write(b"x" * (1 << 20))
def run(args):
    fill("before", 20)
    threading.Thread(target=fill, args=("after", 40), daemon=True).start()
    return 1
"""


@pytest.fixture(params=["auto", "off"], ids=["with a cgroup", "without one"])
def lone(request: pytest.FixtureRequest) -> Iterator[ToolRunner]:
    runner = harness.ToolRunner(harness.config(max_concurrency=1, standby_workers=1, cgroup=request.param))
    yield runner
    runner.close()


def _kept(tools: ToolRunner) -> int:
    return sum(pool._zygote._resources._mounts.kept for pool in tools.runner._pools if pool._zygote)


def test_a_call_that_filled_its_scratch_directory_is_answered_when_that_memory_is_free(lone: ToolRunner) -> None:
    async def scenario(code: str) -> int:
        await lone.runner.run(lone.request(code))
        return _kept(lone)

    assert lone.on_loop(scenario(FILLS)) == 0
    assert lone.run("def run(args): return 1").data == 1


def test_what_holds_little_costs_its_call_no_wait_until_there_are_many() -> None:
    async def scenario() -> None:
        held = HeldMounts()
        readers = []
        waits = []
        for _ in range(200):
            reader, writer = os.pipe()
            readers.append(reader)
            waits.append(held.release(writer, 0))
        assert waits[0] is None
        many = [one for one in waits if one is not None]
        assert len(many) > 100
        await asyncio.wait_for(asyncio.gather(*many), harness.PATIENCE_S)
        assert held.kept < 100
        reader, writer = os.pipe()
        readers.append(reader)
        alone = held.release(writer, LITTLE_BYTES + 1)
        assert alone is not None
        await asyncio.wait_for(alone, harness.PATIENCE_S)
        held.stop()
        held.close()
        for reader in readers:
            assert os.read(reader, 1) == b""  # its other end is closed
            os.close(reader)

    asyncio.run(scenario())
