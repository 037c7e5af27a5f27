"""Thousands of calls of every kind while processes die, stop and run out of everything: each has one reply, its own.

`make faults` runs 20,000. FAULT_CALLS sets the number, FAULT_SEED the schedule, which is printed.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest
from calls import SCRATCH_MAX_BYTES, STDOUT_MAX_BYTES
from campaign import Campaign
from footprint import Footprint
from processes import Watch
from schedule import schedule
from sidecar_process import Sidecar

if TYPE_CHECKING:
    from pathlib import Path

CALLS = int(os.environ.get("FAULT_CALLS") or 1_500)
SEED = int(os.environ.get("FAULT_SEED") or 5)
WARM_UP = 300
STANDBY = 4
CONCURRENCY = 6


@pytest.mark.timeout(120 + CALLS // 5)
def test_each_call_has_one_reply_and_nothing_is_left_whatever_breaks(tmp_path: Path) -> None:
    environ = {
        "PYRUNNER_MAX_CONCURRENCY": str(CONCURRENCY),
        "PYRUNNER_STANDBY_WORKERS": str(STANDBY),
        "PYRUNNER_STDOUT_MAX_BYTES": str(STDOUT_MAX_BYTES),
        "PYRUNNER_SCRATCH_MAX_BYTES": str(SCRATCH_MAX_BYTES),
        "PYRUNNER_LOG": "error",
        "TMPDIR": str(tmp_path),
        "HOME": str(tmp_path),
    }
    with Sidecar(environ, cwd=tmp_path) as sidecar:
        campaign = Campaign(sidecar)
        campaign.register()
        campaign.run(step for step in schedule(SEED + 1, WARM_UP) if step.fault is None)
        assert not campaign.ends["disturbed"]
        before = Footprint.of(sidecar, tmp_path, STANDBY)
        sys.stderr.write(f"\nFAULT_SEED={SEED} FAULT_CALLS={CALLS}\n")
        started = time.monotonic()
        campaign.run(schedule(SEED, CALLS))
        rate = CALLS / (time.monotonic() - started)
        sys.stderr.write(f"{rate:.0f} calls/s; ends: {dict(campaign.ends)}; faults: {dict(campaign.faults)}\n")
        for process in sidecar.workers():
            os.kill(process.pid, signal.SIGCONT)
        # Calls of a megabyte leave holes in the heap.
        Footprint.of(sidecar, tmp_path, STANDBY).assert_not_above(before, slack_kb=24 * 1024, slack_descriptors=STANDBY)
        assert sidecar.call("stats")["inFlight"] == 0
        assert campaign.ends["disturbed"] < CALLS / 3, "too little was left undisturbed to prove anything"
        campaign.run(step for step in schedule(SEED + 2, 50) if step.fault is None)
        with Watch([sidecar.pid, *(process.pid for process in sidecar.processes())]) as watch:
            sidecar.close_input()
            assert watch.survivors(10) == []


def test_the_same_seed_gives_the_same_schedule() -> None:
    first, again, other = (list(schedule(seed, 2_000)) for seed in (SEED, SEED, SEED + 1))
    assert first == again
    assert first != other
    assert {step.kind for step in first} >= {"ok", "large", "cancel", "timeout"}
    assert sum(step.fault is not None for step in first) > 5
