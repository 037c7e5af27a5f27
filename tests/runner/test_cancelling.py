from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any

import harness
import pytest

from sidecar.errors import InternalError, QueueFull, ShuttingDown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness import ToolRunner

HANGS = "print('here')\ndef run(args):\n    while True: pass"
WORKS = "def run(args): return 1"


@pytest.fixture
def lone() -> Iterator[ToolRunner]:
    """A runner of one call at a time, one in the queue, and no standby: each worker belongs to a call."""
    runner = harness.ToolRunner(harness.config(max_concurrency=1, max_queue=1, standby_workers=0))
    assert runner.run(WORKS).data == 1
    yield runner
    runner.close()


async def _started(tools: ToolRunner, code: str = HANGS, **options: Any) -> asyncio.Task[Any]:
    """A call that has printed something by now."""
    printed = asyncio.Event()
    request = tools.request(code, timeout_ms=20_000, on_output=lambda *_: printed.set(), **options)
    task = asyncio.ensure_future(tools.runner.run(request))
    await asyncio.wait_for(printed.wait(), harness.PATIENCE_S)
    return task


async def _cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.shield(task), harness.PATIENCE_S)


def test_a_cancelled_calls_process_is_dead_when_the_call_returns(lone: ToolRunner) -> None:
    before = lone.processes()

    async def scenario() -> set[int]:
        task = await _started(lone)
        watch = harness.Watch(lone.processes() - before)
        try:
            assert watch.alive(), "the worker is there while the call runs"
            await _cancelled(task)
            return watch.alive()
        finally:
            watch.close()

    assert lone.on_loop(scenario()) == set()
    assert lone.run(WORKS).data == 1
    assert lone.processes() == before


def test_a_timed_out_calls_process_is_dead_when_the_call_returns(lone: ToolRunner) -> None:
    before = lone.processes()
    for timeout_ms in (50, 100, 200):
        assert lone.run(HANGS, timeout_ms=timeout_ms).error["code"] == "timeout"
        assert lone.processes() == before


def test_a_call_that_is_cancelled_twice_still_leaves_no_process(lone: ToolRunner) -> None:
    before = lone.processes()

    async def scenario() -> None:
        task = await _started(lone)
        task.cancel()
        await asyncio.sleep(0)
        await _cancelled(task)

    lone.on_loop(scenario())
    assert lone.processes() == before


def test_a_queued_call_that_is_cancelled_never_starts(lone: ToolRunner) -> None:
    started: list[str] = []

    async def scenario() -> None:
        first = await _started(lone)
        request = lone.request("print('started')\n" + WORKS, on_output=lambda _, text: started.append(text))
        second = asyncio.ensure_future(lone.runner.run(request))
        await _until_queued(lone, 1)
        await _cancelled(second)
        assert lone.runner.gauges()["queued"] == 0
        await _cancelled(first)

    lone.on_loop(scenario())
    assert lone.run(WORKS).data == 1
    assert started == []


async def _until_queued(tools: ToolRunner, count: int) -> None:
    for _ in range(1000):
        if tools.runner.gauges()["queued"] == count:
            return
        await asyncio.sleep(0)
    raise AssertionError(tools.runner.gauges())


def test_a_call_beyond_the_queue_is_refused_with_when_to_come_back(lone: ToolRunner) -> None:
    async def scenario() -> None:
        first = await _started(lone)
        second = asyncio.ensure_future(lone.runner.run(lone.request(WORKS, timeout_ms=20_000)))
        await _until_queued(lone, 1)
        with pytest.raises(QueueFull) as caught:
            await lone.runner.run(lone.request(WORKS))
        assert isinstance(caught.value.data["retryAfterMs"], int)
        assert caught.value.data["retryAfterMs"] > 0
        await _cancelled(first)
        assert b"1" in (await second).result

    lone.on_loop(scenario())
    assert lone.runner.gauges() == {"running": 0, "queued": 0, "standby": 0, "zygotes": 1}


def test_calls_that_find_a_free_slot_do_not_count_as_queued() -> None:
    tools = harness.ToolRunner(harness.config(max_concurrency=3, max_queue=1, standby_workers=1))
    try:
        assert tools.run(WORKS).data == 1

        async def scenario() -> list[str]:
            requests = [tools.request(WORKS) for _ in range(3)]
            records = await asyncio.gather(*(tools.runner.run(request) for request in requests))
            return [record.code for record in records]

        assert tools.on_loop(scenario()) == ["ok"] * 3
    finally:
        tools.close()


def test_the_queue_is_bounded_while_the_interpreter_is_still_being_found() -> None:
    tools = harness.ToolRunner(harness.config(max_concurrency=1, max_queue=2, standby_workers=1))
    try:

        async def scenario() -> list[Any]:
            requests = [tools.request(WORKS) for _ in range(10)]
            return await asyncio.gather(*(tools.runner.run(one) for one in requests), return_exceptions=True)

        answers = tools.on_loop(scenario())
        refused = [answer for answer in answers if isinstance(answer, QueueFull)]
        assert len(refused) >= 7
        assert all(answer.code == "ok" for answer in answers if answer not in refused)
    finally:
        tools.close()


def test_a_call_that_waits_longer_than_its_timeout_is_a_timeout_that_never_started(lone: ToolRunner) -> None:
    async def scenario() -> Any:
        first = await _started(lone)
        record = await lone.runner.run(lone.request("print('started')\n" + WORKS, timeout_ms=100))
        await _cancelled(first)
        return record

    reply = harness.Reply.of(lone.on_loop(scenario()))
    assert (reply.error["code"], reply.error["type"], reply.stdout) == ("timeout", "TimeoutError", "")
    assert reply.usage.queue_ms >= 90
    assert lone.run(WORKS).data == 1


def test_a_cancellation_is_heard_however_early_it_comes(lone: ToolRunner) -> None:
    async def cancelled_after(turns: int) -> bool:
        task = asyncio.ensure_future(lone.runner.run(lone.request(HANGS, timeout_ms=500)))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task}, timeout=harness.PATIENCE_S)
        return task.cancelled()

    assert [turns for turns in range(20) if not lone.on_loop(cancelled_after(turns))] == []
    assert lone.runner.gauges()["running"] == 0
    assert lone.run(WORKS).data == 1


def test_cancelling_at_any_moment_leaves_no_process_and_no_descriptor() -> None:
    tools = harness.ToolRunner(harness.config(max_concurrency=4, max_queue=100, standby_workers=0))
    try:
        assert tools.run(WORKS).data == 1
        processes, descriptors = tools.processes(), harness.open_descriptors()

        async def cancel_after(delay_ms: float) -> None:
            task = asyncio.ensure_future(tools.runner.run(tools.request(HANGS, timeout_ms=1000)))
            await asyncio.wait({task}, timeout=delay_ms / 1000)
            await _cancelled(task)

        for tenth in range(2, 80):
            tools.on_loop(cancel_after(tenth / 10))
        # One after another: a worker whose spawning was given up has ended before a later one is reaped.
        for _ in range(20):
            assert tools.run(WORKS).data == 1
            if tools.processes() == processes and harness.open_descriptors() == descriptors:
                break
        assert tools.processes() == processes
        assert harness.open_descriptors() == descriptors
    finally:
        tools.close()


def test_two_hundred_abnormal_calls_leave_descriptors_and_processes_where_they_were() -> None:
    tools = harness.ToolRunner(harness.config(standby_workers=0))
    codes = [
        "def run(args): return 1 / 0",
        "import os\ndef run(args): os._exit(1)",
        "import os\ndef run(args): os.abort()",
        "import os\ndef run(args):\n  os.close(3)\n  os._exit(0)",
        "import os\ndef run(args): os.write(3, b'garbage' * 100)",
        "import os\ndef run(args): os.write(3, b'\\xff' * 5)",
        "def run(args:",
        "while True: pass",
        "def run(args): return {1}",
        "def run(args): return 'x' * 20_000_000",
    ]
    try:
        for code in codes:
            tools.run(code, timeout_ms=20)
        processes, descriptors = tools.processes(), harness.open_descriptors()
        for _ in range(20):
            for code in codes:
                tools.run(code, timeout_ms=20)
        assert tools.run(WORKS).data == 1
        assert harness.open_descriptors() == descriptors
        assert tools.processes() == processes
    finally:
        tools.close()


def test_calls_at_the_same_time_do_not_see_each_other() -> None:
    tools = harness.ToolRunner(harness.config(max_concurrency=4, max_queue=1000, standby_workers=4))
    try:
        code = """
            import os
            def run(args):
                print(args)
                open("f", "x").write(args)
                return [args, os.listdir(), open("f").read()]
        """

        async def scenario() -> list[Any]:
            requests = [tools.request(code, f"call {number}") for number in range(60)]
            return await asyncio.gather(*(tools.runner.run(request) for request in requests))

        for number, record in enumerate(tools.on_loop(scenario())):
            reply = harness.Reply.of(record)
            assert reply.data == [f"call {number}", ["f"], f"call {number}"]
            assert reply.stdout == f"call {number}\n"
    finally:
        tools.close()


def test_each_call_is_recorded_once_with_its_tool(lone: ToolRunner) -> None:
    lone.recorded.records.clear()
    lone.run(WORKS, tool_id="a")
    lone.run("def run(args): return 1 / 0", tool_id="b")
    assert [(record.code, tool) for record, tool in lone.recorded.records] == [("ok", "a"), ("tool_error", "b")]


def test_a_worker_killed_from_outside_is_crashed_and_the_next_call_works(lone: ToolRunner) -> None:
    before = lone.processes()

    async def scenario() -> Any:
        task = await _started(lone)
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
    outer = next(pid for pid in zygotes if harness.descendants(pid))
    victim = outer if which == "outer" else next(iter(zygotes - {outer}))

    async def scenario() -> None:
        task = await _started(lone)
        watch = harness.Watch(lone.processes())
        os.kill(victim, signal.SIGKILL)
        with pytest.raises(InternalError) as caught:
            await asyncio.wait_for(task, harness.PATIENCE_S)
        assert caught.value.data["mayHaveRun"] is True
        assert watch.alive(within_s=5) == set()
        watch.close()

    lone.on_loop(scenario())
    assert lone.run(WORKS).data == 1


def test_closing_leaves_no_process_and_no_descriptor() -> None:
    descriptors = harness.open_descriptors()
    tools = harness.ToolRunner(harness.config(max_concurrency=2, standby_workers=3))
    tools.run(WORKS)
    watch = harness.Watch(tools.processes())
    try:
        assert len(watch.alive()) >= 2
        tools.close()
        assert watch.alive(within_s=5) == set()
    finally:
        watch.close()
    assert harness.open_descriptors() == descriptors


def test_closing_under_a_call_ends_the_call_and_its_process() -> None:
    tools = harness.ToolRunner(harness.config(max_concurrency=1))

    async def scenario() -> None:
        running = await _started(tools)
        queued = asyncio.ensure_future(tools.runner.run(tools.request(WORKS)))
        await _until_queued(tools, 1)
        watch = harness.Watch(tools.processes())
        await tools.runner.close()
        for task in (running, queued):
            with pytest.raises((asyncio.CancelledError, ShuttingDown)):
                await asyncio.wait_for(task, harness.PATIENCE_S)
        assert watch.alive(within_s=5) == set()
        watch.close()
        with pytest.raises(ShuttingDown):
            await tools.runner.run(tools.request(WORKS))
        with pytest.raises(ShuttingDown):
            await tools.runner.check(WORKS, tools.config.python_path)

    tools.on_loop(scenario())
    tools.close()


def test_closing_with_time_to_drain_lets_a_call_finish() -> None:
    tools = harness.ToolRunner(harness.config(max_concurrency=1))

    async def scenario() -> Any:
        code = "import time\nprint('here')\ndef run(args):\n  time.sleep(0.2)\n  return 1"
        task = await _started(tools, code)
        await tools.runner.close(drain_ms=20_000)
        return await task

    assert harness.Reply.of(tools.on_loop(scenario())).data == 1
    tools.close()


def test_closing_before_anything_ran_or_twice_is_fine() -> None:
    tools = harness.ToolRunner(harness.config())
    tools.on_loop(tools.runner.close())
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
        pool = await tools.runner._pool(tools.config.python_path)
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
