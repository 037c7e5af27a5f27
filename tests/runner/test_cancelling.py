from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import harness
import pytest
from in_flight import HANGS, WORKS, started, until_queued
from processes import Watch

from sidecar.errors import QueueFull

if TYPE_CHECKING:
    from harness import ToolRunner


async def _cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.shield(task), harness.PATIENCE_S)


def test_a_cancelled_calls_process_is_dead_when_the_call_returns(lone: ToolRunner) -> None:
    before = lone.processes()

    async def scenario() -> list[int]:
        task = await started(lone)
        with Watch(lone.processes() - before) as watch:
            assert watch.survivors(0), "the worker is there while the call runs"
            await _cancelled(task)
            return watch.survivors(0)

    assert lone.on_loop(scenario()) == []
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
        task = await started(lone)
        task.cancel()
        await asyncio.sleep(0)
        await _cancelled(task)

    lone.on_loop(scenario())
    assert lone.processes() == before


def test_a_queued_call_that_is_cancelled_never_starts(lone: ToolRunner) -> None:
    printed: list[str] = []

    async def scenario() -> None:
        first = await started(lone)
        request = lone.request("print('started')\n" + WORKS, on_output=lambda _, text: printed.append(text))
        second = asyncio.ensure_future(lone.runner.run(request))
        await until_queued(lone, 1)
        await _cancelled(second)
        assert lone.runner.gauges()["queued"] == 0
        await _cancelled(first)

    lone.on_loop(scenario())
    assert lone.run(WORKS).data == 1
    assert printed == []


def test_a_call_beyond_the_queue_is_refused_with_when_to_come_back(lone: ToolRunner) -> None:
    async def scenario() -> None:
        first = await started(lone)
        second = asyncio.ensure_future(lone.runner.run(lone.request(WORKS, timeout_ms=20_000)))
        await until_queued(lone, 1)
        with pytest.raises(QueueFull) as caught:
            await lone.runner.run(lone.request(WORKS))
        assert isinstance(caught.value.data["retryAfterMs"], int)
        assert caught.value.data["retryAfterMs"] > 0
        await _cancelled(first)
        assert b"1" in (await second).result

    lone.on_loop(scenario())
    lone.processes()  # when nothing is compiled for later calls
    gauges = lone.runner.gauges()
    assert (gauges["running"], gauges["queued"], gauges["memoryMB"], gauges["zygotes"]) == (0, 0, 0, 1)


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


def test_a_call_that_waits_longer_than_its_timeout_is_a_timeout_that_neverstarted(lone: ToolRunner) -> None:
    async def scenario() -> Any:
        first = await started(lone)
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
        processes, descriptors = tools.processes(), tools.descriptors()

        async def cancel_after(delay_ms: float) -> None:
            task = asyncio.ensure_future(tools.runner.run(tools.request(HANGS, timeout_ms=1000)))
            await asyncio.wait({task}, timeout=delay_ms / 1000)
            await _cancelled(task)

        for tenth in range(2, 80):
            tools.on_loop(cancel_after(tenth / 10))
        # One after another: a worker whose spawning was given up has ended before a later one is reaped.
        for _ in range(20):
            assert tools.run(WORKS).data == 1
            if tools.processes() == processes and tools.descriptors() == descriptors:
                break
        assert tools.processes() == processes
        assert tools.descriptors() == descriptors
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
        processes, descriptors = tools.processes(), tools.descriptors()
        for _ in range(20):
            for code in codes:
                tools.run(code, timeout_ms=20)
        assert tools.run(WORKS).data == 1
        assert tools.descriptors() == descriptors
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
