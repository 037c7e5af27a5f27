from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any

import harness
import pytest
from in_flight import HANGS, WORKS, started, until_queued
from processes import Watch, descendants

from sidecar.errors import InternalError, ShuttingDown

if TYPE_CHECKING:
    from harness import ToolRunner


def test_a_worker_killed_from_outside_is_crashed_and_the_next_call_works(lone: ToolRunner) -> None:
    before = lone.processes()

    async def scenario() -> Any:
        task = await started(lone)
        for pid in lone.processes() - before:
            os.kill(pid, signal.SIGKILL)
        return await asyncio.wait_for(task, harness.PATIENCE_S)

    reply = harness.Reply.of(lone.on_loop(scenario()))
    assert reply.error["code"] == "crashed"
    assert "SIGKILL" in reply.error["message"]
    assert reply.stdout == "here\n"
    assert lone.run(WORKS).data == 1


def test_a_worker_stopped_from_outside_ends_at_its_deadline(lone: ToolRunner) -> None:
    before = lone.processes()

    async def scenario() -> Any:
        printed = asyncio.Event()
        request = lone.request(HANGS, timeout_ms=600, on_output=lambda *_: printed.set())
        task = asyncio.ensure_future(lone.runner.run(request))
        await asyncio.wait_for(printed.wait(), harness.PATIENCE_S)
        for pid in lone.processes() - before:
            os.kill(pid, signal.SIGSTOP)
        return await asyncio.wait_for(task, harness.PATIENCE_S)

    assert harness.Reply.of(lone.on_loop(scenario())).error["code"] == "timeout"
    assert lone.run(WORKS).data == 1


@pytest.mark.parametrize("which", ["outer", "inner"])
def test_a_zygote_killed_under_a_call_fails_that_call_and_the_next_one_works(lone: ToolRunner, which: str) -> None:
    zygotes = lone.processes()
    outer = next(pid for pid in zygotes if descendants(pid))
    victim = outer if which == "outer" else next(iter(zygotes - {outer}))

    async def scenario() -> None:
        task = await started(lone)
        with Watch(lone.processes()) as watch:
            os.kill(victim, signal.SIGKILL)
            with pytest.raises(InternalError) as caught:
                await asyncio.wait_for(task, harness.PATIENCE_S)
            assert caught.value.data["mayHaveRun"] is True
            assert watch.survivors(5) == []

    lone.on_loop(scenario())
    assert lone.run(WORKS).data == 1


def test_closing_leaves_no_process_and_no_descriptor() -> None:
    descriptors = harness.open_descriptors()
    tools = harness.ToolRunner(harness.config(max_concurrency=2, standby_workers=3))
    tools.run(WORKS)
    with Watch(tools.processes()) as watch:
        assert len(watch.survivors(0)) >= 2
        tools.close()
        assert watch.survivors(5) == []
    assert harness.open_descriptors() == descriptors


def test_closing_under_a_call_ends_the_call_and_its_process() -> None:
    tools = harness.ToolRunner(harness.config(max_concurrency=1))

    async def scenario() -> None:
        running = await started(tools)
        queued = asyncio.ensure_future(tools.runner.run(tools.request(WORKS)))
        await until_queued(tools, 1)
        with Watch(tools.processes()) as watch:
            await tools.runner.close()
            for task in (running, queued):
                with pytest.raises((asyncio.CancelledError, ShuttingDown)):
                    await asyncio.wait_for(task, harness.PATIENCE_S)
            assert watch.survivors(5) == []
        with pytest.raises(ShuttingDown):
            await tools.runner.run(tools.request(WORKS))
        with pytest.raises(ShuttingDown):
            await tools.runner.check(WORKS, tools.config.python_path)

    tools.on_loop(scenario())
    tools.close()


def test_closing_before_anything_ran_or_twice_is_fine() -> None:
    tools = harness.ToolRunner(harness.config())
    tools.on_loop(tools.runner.close())
    tools.close()


def test_code_that_waits_to_be_compiled_starts_nothing_after_the_end() -> None:
    tools = harness.ToolRunner(harness.config())

    async def scenario() -> None:
        await tools.runner.run(tools.request(WORKS))
        pool = await tools.runner._pools.get(tools.config.python_path, "strict")
        # As with the second call, right before the end.
        await tools.runner._compilations.of(pool, tools.request(WORKS))
        await tools.runner.close()
        while tools.runner.gauges()["compiling"]:  # noqa: ASYNC110 - bounded by `on_loop`
            await asyncio.sleep(0)

    tools.on_loop(scenario())
    assert tools.runner.gauges()["zygotes"] == 0
    tools.close()


@pytest.mark.parametrize("turns", [0, 1, 3, 10])
def test_closing_while_the_first_interpreter_is_being_found_leaves_nothing(turns: int) -> None:
    descriptors = harness.open_descriptors()
    tools = harness.ToolRunner(harness.config())

    async def scenario() -> None:
        tools.runner.start()
        task = asyncio.ensure_future(tools.runner.run(tools.request(WORKS)))
        for _ in range(turns):
            await asyncio.sleep(0)
        await tools.runner.close()
        with pytest.raises((asyncio.CancelledError, ShuttingDown)):
            await asyncio.wait_for(task, harness.PATIENCE_S)

    tools.on_loop(scenario())
    assert tools.processes() == set()
    tools.close()
    assert harness.open_descriptors() == descriptors


def test_closing_while_the_first_zygote_is_being_started_leaves_nothing() -> None:
    descriptors = harness.open_descriptors()
    tools = harness.ToolRunner(harness.config())

    async def scenario() -> None:
        pool = await tools.runner._pools.get(tools.config.python_path, "strict")
        task = asyncio.ensure_future(tools.runner.run(tools.request(WORKS)))
        for _ in range(1000):
            if pool._starting is not None:
                break
            await asyncio.sleep(0)
        assert pool._starting is not None
        await asyncio.sleep(0)
        await tools.runner.close()
        with pytest.raises((asyncio.CancelledError, ShuttingDown)):
            await asyncio.wait_for(task, harness.PATIENCE_S)

    tools.on_loop(scenario())
    assert tools.processes() == set()
    tools.close()
    assert harness.open_descriptors() == descriptors
