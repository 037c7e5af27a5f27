"""The orderly ends, with eight calls in flight: within one second no process is left and nothing on disk."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest
from load import IN_FLIGHT, LOAD, start_load, works
from processes import Watch
from sidecar_process import WAIT_S, Sidecar, frame, request_text
from traces import Traces

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ONE_SECOND = 1.0


def close_input(sidecar: Sidecar) -> None:
    sidecar.close_input()


def exit_at_once(sidecar: Sidecar) -> None:
    sidecar.notify("exit")


def exit_after_shutdown(sidecar: Sidecar) -> None:
    sidecar.start("shutdown")
    sidecar.notify("exit")


def terminate_twice(sidecar: Sidecar) -> None:
    sidecar.kill(signal.SIGTERM)
    told_to_stop(sidecar)
    sidecar.kill(signal.SIGTERM)


def terminate_then_close_input(sidecar: Sidecar) -> None:
    sidecar.kill(signal.SIGINT)
    told_to_stop(sidecar)
    sidecar.close_input()


def told_to_stop(sidecar: Sidecar) -> None:
    """Wait until it takes no more requests: two signals that come together are one to the kernel."""
    deadline = time.monotonic() + WAIT_S
    while "error" not in sidecar.reply(sidecar.start("list")):
        assert time.monotonic() < deadline


ENDS = [close_input, exit_at_once, exit_after_shutdown, terminate_twice, terminate_then_close_input]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_everything_is_gone_within_one_second(end: Callable[[Sidecar], None], tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("work", "tmp", "home", "cache")]
    for folder in folders:
        folder.mkdir()
    environ = dict(zip(("TMPDIR", "HOME", "XDG_CACHE_HOME"), map(str, folders[1:]), strict=True))
    with Sidecar({**LOAD, **environ}, cwd=folders[0]) as sidecar:
        requests = start_load(sidecar)
        traces = Traces(sidecar)
        with Watch([sidecar.pid, *(process.pid for process in sidecar.processes())]) as watch:
            end(sidecar)
            assert watch.survivors(ONE_SECOND) == []
        sidecar.wait()
        assert traces.left() == []
        # What it still says of the calls in flight is an error for each, never half a message.
        told = {message["id"] for message in sidecar.remaining() if "error" in message}
        assert all(request in requests or request > max(requests) for request in told)
        assert [list(folder.iterdir()) for folder in folders] == [[], [], [], []]
    with Sidecar(LOAD) as successor:
        assert works(successor)


@pytest.mark.parametrize("end", [exit_at_once, terminate_twice], ids=lambda end: end.__name__)
def test_a_host_that_still_reads_is_told_of_each_call_in_flight(end: Callable[[Sidecar], None]) -> None:
    with Sidecar(LOAD) as sidecar:
        requests = start_load(sidecar)
        end(sidecar)
        sidecar.wait()
        told = {message["id"]: message["error"]["message"] for message in sidecar.remaining() if "id" in message}
        assert set(told) == set(requests)
        assert all(told.values())


def test_a_host_that_closes_its_end_of_stdout_ends_everything() -> None:
    with Sidecar(LOAD) as sidecar:
        start_load(sidecar)
        with Watch([sidecar.pid, *(process.pid for process in sidecar.processes())]) as watch:
            sidecar.close_output()
            assert sidecar.write_unread(frame(request_text("broken", "list")), ONE_SECOND)
            assert watch.survivors(ONE_SECOND) == []


def test_eof_behind_requests_ends_them_too() -> None:
    with Sidecar(LOAD) as sidecar:
        works(sidecar)
        for _ in range(IN_FLIGHT):
            sidecar.start("run", code="while True: pass")
        with Watch([sidecar.pid, *(process.pid for process in sidecar.processes())]) as watch:
            sidecar.close_input()
            assert watch.survivors(ONE_SECOND) == []


def test_an_interpreter_that_is_still_being_asked_is_gone_too(tmp_path: Path) -> None:
    shim = tmp_path / "python3"
    shim.write_text("#!/bin/sh\nsleep 60\n", encoding="ascii")  # a shell that waits for a child, as some shims do
    shim.chmod(0o755)
    with Sidecar({"PYTHON_PATH": str(shim)}) as sidecar:
        sidecar.call("list")
        started = [process.pid for process in sidecar.processes()]
        with Watch([sidecar.pid, *started]) as watch:
            sidecar.close_input()
            left = watch.survivors(ONE_SECOND)
            for pid in left:
                os.kill(pid, signal.SIGKILL)
        assert len(started) == 2
        assert left == []


@pytest.mark.parametrize("last", ["shutdown", None], ids=["after a shutdown", "without one"])
def test_what_was_asked_before_an_exit_is_answered(last: str | None) -> None:
    requests = [request_text(1, "register", id="t", code="def run(args): return 6 * 7"), request_text(2, "run", id="t")]
    requests += [request_text(3, last)] if last else []
    exit_text = '{"jsonrpc":"2.0","method":"exit"}'
    with Sidecar() as sidecar:
        sidecar.send_bytes(b"".join(map(frame, [*requests, exit_text])))
        sidecar.close_input()
        assert sidecar.reply(2)["result"]["result"] == {"ok": True, "data": 42}
        assert sidecar.wait() == (0 if last else 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_what_is_in_flight_come_to_its_end_and_takes_no_more(number: signal.Signals) -> None:
    with Sidecar(LOAD) as sidecar:
        requests = start_load(sidecar, seconds=0.5)
        sidecar.kill(number)
        told_to_stop(sidecar)
        assert sidecar.error("run", code="def run(args): return 1")["data"]["kind"] == "shutting_down"
        results = [sidecar.reply(request)["result"]["result"] for request in requests]
        assert results == [{"ok": True, "data": index} for index in range(IN_FLIGHT)]
        assert sidecar.wait() == 0


@pytest.mark.parametrize("stop", ["SIGTERM", "shutdown"])
def test_what_is_in_flight_beyond_the_deadline_is_killed_and_told(stop: str) -> None:
    with Sidecar({**LOAD, "PYRUNNER_DRAIN_MS": "300"}) as sidecar:
        requests = start_load(sidecar)
        workers = [process.pid for process in sidecar.workers()]
        with Watch(workers) as watch:
            if stop == "SIGTERM":
                sidecar.kill(signal.SIGTERM)
            else:
                assert sidecar.call("shutdown") is None
            replies = [sidecar.reply(request) for request in requests]
            assert all("error" in reply for reply in replies)
            assert watch.survivors(ONE_SECOND) == []
        if stop == "shutdown":
            sidecar.notify("exit")
        assert sidecar.wait() == 0
