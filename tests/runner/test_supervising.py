"""What became of processes that died at the wrong moment: the calls that they were meant for, and their successors."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import harness
import pytest
from in_flight import WORKS, started

from sidecar.errors import InternalError, InterpreterNotFound
from sidecar.runner import examination, upgrades
from sidecar.runner.supervision import LOOP_DEATHS
from sidecar.runner.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from harness import ToolRunner

STANDBY = 3
VERSION = "import sys\ndef run(args): return list(sys.version_info[:2])"
OWN = list(sys.version_info[:2])


@pytest.fixture
def ready() -> Iterator[ToolRunner]:
    """A runner whose standby workers are complete."""
    tools = harness.ToolRunner(harness.config(standby_workers=STANDBY))
    assert tools.run(WORKS).data == 1
    until(tools, lambda: tools.runner.gauges()["standby"] == STANDBY)
    yield tools
    tools.close()


def until(tools: ToolRunner, is_so: Callable[[], bool]) -> None:
    async def turn() -> None:
        await asyncio.sleep(0)

    deadline = time.monotonic() + harness.PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, tools.runner.gauges()
        tools.on_loop(turn())


def zygote_pid(tools: ToolRunner) -> int:
    (pool,) = tools.runner._pools
    assert pool._zygote is not None
    return pool._zygote._process.pid


def standby_pids(tools: ToolRunner, count: int = STANDBY) -> list[int]:
    (pool,) = tools.runner._pools
    pids = [worker.pid for worker in pool._standby._workers]
    assert len(pids) == count
    return [pid for pid in pids if pid is not None]


def test_workers_that_died_while_they_stood_by_are_not_given_a_call(ready: ToolRunner) -> None:
    async def scenario() -> Any:
        for pid in standby_pids(ready):
            os.kill(pid, signal.SIGKILL)
        # At once: nobody has been told of the deaths yet.
        return await ready.runner.run(ready.request(WORKS))

    assert harness.Reply.of(ready.on_loop(scenario())).data == 1


def test_a_worker_that_dies_with_its_call_unread_does_not_fail_that_call(ready: ToolRunner) -> None:
    async def scenario() -> Any:
        stopped = standby_pids(ready)
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        running = asyncio.ensure_future(ready.runner.run(ready.request(WORKS)))
        await asyncio.sleep(0.05)  # the call lies in the channel of a process that does not read
        for pid in stopped:
            os.kill(pid, signal.SIGKILL)
        return await running

    assert harness.Reply.of(ready.on_loop(scenario())).data == 1


def test_a_check_whose_worker_is_killed_is_done_again(ready: ToolRunner) -> None:
    async def scenario() -> Any:
        stopped = standby_pids(ready)
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        checking = asyncio.ensure_future(ready.runner.check(WORKS, ready.config.python_path))
        await asyncio.sleep(0.05)
        for pid in stopped:
            os.kill(pid, signal.SIGKILL)
        return await checking

    assert ready.on_loop(scenario()).diagnostics == ()


def test_a_worker_that_is_stopped_while_it_looks_at_a_result_does_not_lose_the_result(
    ready: ToolRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "_VET_TIMEOUT_MS", 500)
    large = "print('here', flush=True)\nimport time\ndef run(args):\n    time.sleep(0.2)\n    return 'x' * 1_000_000\n"

    async def scenario() -> Any:
        running = await started(ready, large)
        for pid in standby_pids(ready, STANDBY - 1):
            os.kill(pid, signal.SIGSTOP)
        return await running

    assert len(harness.Reply.of(ready.on_loop(scenario())).data) == 1_000_000


def test_a_zygote_that_dies_is_replaced_before_anybody_asks(ready: ToolRunner) -> None:
    first = zygote_pid(ready)
    os.kill(first, signal.SIGKILL)
    until(ready, lambda: ready.runner.gauges()["standby"] == STANDBY and zygote_pid(ready) != first)
    assert ready.run(WORKS).data == 1


def test_a_worker_that_does_not_come_up_takes_no_other_along(
    ready: ToolRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, really_jailed = zygote_pid(ready), Worker.jailed
    lost: list[Worker] = []

    async def jailed(worker: Worker, timeout_s: float) -> bool:
        came = await really_jailed(worker, timeout_s)
        if not lost:
            lost.append(worker)
            raise TimeoutError  # as where it is stopped on its way
        return came

    monkeypatch.setattr(Worker, "jailed", jailed)
    assert ready.run(WORKS).data == 1
    until(ready, lambda: bool(lost))
    assert ready.run(WORKS).data == 1
    assert zygote_pid(ready) == first


def test_calls_in_flight_under_a_zygote_that_dies_fail_as_retryable_and_may_have_run(ready: ToolRunner) -> None:
    async def scenario() -> list[Any]:
        tasks = [await started(ready) for _ in range(2)]
        os.kill(zygote_pid(ready), signal.SIGKILL)
        return await asyncio.gather(*tasks, return_exceptions=True)

    for error in ready.on_loop(scenario()):
        assert isinstance(error, InternalError)
        assert (error.data["retryable"], error.data["mayHaveRun"]) == (True, True)
    assert ready.run(WORKS).data == 1


def test_an_interpreter_that_keeps_dying_is_reported_and_comes_back(ready: ToolRunner) -> None:
    (pool,) = ready.runner._pools
    for _ in range(LOOP_DEATHS):
        until(ready, lambda: pool.alive)
        os.kill(zygote_pid(ready), signal.SIGKILL)
        until(ready, lambda: not pool.alive)
    with pytest.raises(InternalError, match="has died 5 times") as caught:
        ready.run(WORKS)
    assert caught.value.data["mayHaveRun"] is False
    time.sleep(caught.value.data["retryAfterMs"] / 1000)
    assert ready.run(WORKS).data == 1


@pytest.fixture
def other() -> harness.Found:
    """An interpreter of another version than ours."""
    found = [one for one in harness.supported() if one.version[:2] != sys.version_info[:2]]
    if not found:
        pytest.skip("this machine has one CPython only")
    return found[0]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pythonPath that a test may upgrade; it is looked at before each call."""
    monkeypatch.setattr(upgrades, "LOOK_S", 0.0)
    link = tmp_path / "python"
    link.symlink_to(sys.executable)
    return link


def upgrade(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


def test_an_interpreter_that_was_upgraded_or_removed_is_noticed(path: Path, other: harness.Found) -> None:
    tools = harness.ToolRunner(harness.config(str(path)))
    try:
        assert tools.run(VERSION).data == OWN
        (old,) = tools.runner._pools
        upgrade(path, other.path)
        assert tools.run(VERSION).data == list(other.version[:2])
        until(tools, lambda: not old.alive)
        path.unlink()
        with pytest.raises(InterpreterNotFound):
            tools.run(VERSION)
        path.symlink_to(sys.executable)
        assert tools.run(VERSION).data == OWN
    finally:
        tools.close()


def test_a_call_that_runs_while_its_interpreter_is_upgraded_comes_to_its_end(path: Path, other: harness.Found) -> None:
    tools = harness.ToolRunner(harness.config(str(path)))
    slow = "import time\nprint('here', flush=True)\ndef run(args):\n    time.sleep(0.5)\n    return 'done'"
    try:

        async def scenario() -> tuple[Any, Any]:
            running = await started(tools, slow)
            upgrade(path, other.path)
            upgraded = await tools.runner.run(tools.request(VERSION))
            return harness.Reply.of(upgraded).data, harness.Reply.of(await running).data

        assert tools.on_loop(scenario()) == (list(other.version[:2]), "done")
    finally:
        tools.close()


@pytest.mark.parametrize("steps", range(6))
def test_an_end_that_interrupts_the_closing_of_a_replaced_zygote_still_ends_it(steps: int) -> None:
    tools = harness.ToolRunner(harness.config())
    try:
        assert tools.run(WORKS).data == 1
        (pool,) = tools.runner._pools

        async def scenario() -> None:
            tools.runner._pools._retire(pool)
            for _ in range(steps):
                await asyncio.sleep(0)
            await tools.runner.close()

        tools.on_loop(scenario())
        assert not pool.alive
    finally:
        tools.close()
