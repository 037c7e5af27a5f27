"""Time that nobody had is nobody's fault: a machine that was paused, and clocks that jump."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import harness
from sidecar_process import Sidecar

if TYPE_CHECKING:
    import pytest

# It needs half a second of its own, and says when it has begun.
BUSY = """
import time
def run(args):
    print("started", flush=True)
    end = time.process_time() + 0.5
    while time.process_time() < end: pass
    return "done"
"""
ONE_AT_A_TIME = {"PYRUNNER_MAX_CONCURRENCY": "1"}


def pause_everything(sidecar: Sidecar, seconds: float) -> None:
    """Stop the sidecar and all that it has started, as a paused virtual machine does, and let it go on."""
    pids = [sidecar.pid, *(process.pid for process in sidecar.processes())]
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for pid in pids:
            os.kill(pid, number)
        if number == signal.SIGSTOP:
            time.sleep(seconds)


def test_a_machine_that_was_paused_kills_no_call_that_runs_or_waits() -> None:
    with Sidecar(ONE_AT_A_TIME) as sidecar:
        sidecar.run("def run(args): return 1")
        running = sidecar.start("run", code=BUSY, timeout=4000, runId="r", stream=True)
        sidecar.output_of("r", "started")
        waiting = sidecar.start("run", code="def run(args): return 'waited'", timeout=4000)
        pause_everything(sidecar, 6)
        assert sidecar.reply(running)["result"]["result"] == {"ok": True, "data": "done"}
        assert sidecar.reply(waiting)["result"]["result"] == {"ok": True, "data": "waited"}


def test_a_tool_does_not_live_for_ever_because_the_machine_was_paused() -> None:
    with Sidecar(ONE_AT_A_TIME) as sidecar:
        spinning = sidecar.start(
            "run", code="print('started', flush=True)\nwhile True: pass", timeout=1500, runId="r", stream=True
        )
        sidecar.output_of("r", "started")
        pause_everything(sidecar, 4)
        assert sidecar.reply(spinning)["result"]["result"]["error"]["code"] == "timeout"


def test_a_clock_that_jumps_back_and_forth_changes_no_calls_end(monkeypatch: pytest.MonkeyPatch) -> None:
    tools = harness.ToolRunner(harness.config(max_concurrency=1))
    try:
        steps = iter(range(10**9))
        real = time.time
        with monkeypatch.context() as patched:
            patched.setattr(time, "time", lambda: real() + 10**8 * (-1) ** next(steps))
            assert tools.run("def run(args): return 1", timeout_ms=5000).data == 1
            late = tools.run("while True: pass", timeout_ms=300)
        assert late.error["code"] == "timeout"
        assert late.usage.wall_ms < 300 + harness.MARGIN_MS
    finally:
        tools.close()
