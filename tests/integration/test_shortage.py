"""Descriptors and memory that run out: a clear error for each call, nothing leaked, and all works again after."""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING

import pytest
from footprint import Footprint
from sidecar_process import Message, Sidecar

if TYPE_CHECKING:
    from pathlib import Path

ECHO = "def run(args):\n    return args\n"
STANDBY = 1
SPARE = range(12)


def outcome(message: Message) -> str:
    """Return `ok`, or the kind of an error that may be tried again and says so."""
    if "result" in message:
        assert message["result"]["result"]["ok"] is True, message
        return "ok"
    error = message["error"]
    assert error["data"]["kind"] in ("internal_error", "sandbox_unavailable"), error
    if error["data"]["kind"] == "internal_error":
        assert "retryable" in error["data"], error
        assert (error["data"]["retryable"], error["data"]["mayHaveRun"]) == (True, False), error
        assert error["message"] != "internal error", error
    return str(error["data"]["kind"])


@pytest.mark.timeout(120)
def test_a_sidecar_whose_descriptors_run_out_says_so_and_loses_none(tmp_path: Path) -> None:
    environ = {
        "PYRUNNER_MAX_CONCURRENCY": "2", "PYRUNNER_STANDBY_WORKERS": str(STANDBY), "TMPDIR": str(tmp_path),
    }  # fmt: skip
    with Sidecar(environ) as sidecar:
        sidecar.run(ECHO)
        before = Footprint.of(sidecar, tmp_path, STANDBY)
        used = [int(name) for name in os.listdir(f"/proc/{sidecar.pid}/fd")]  # noqa: PTH208 - numbers
        own = resource.prlimit(sidecar.pid, resource.RLIMIT_NOFILE)
        met = set()
        for spare in SPARE:
            resource.prlimit(sidecar.pid, resource.RLIMIT_NOFILE, (max(used) + 1 + spare, own[1]))
            for _ in range(3):
                met.add(outcome(sidecar.reply(sidecar.start("run", code=ECHO))))
        assert met >= {"ok", "internal_error"}
        resource.prlimit(sidecar.pid, resource.RLIMIT_NOFILE, own)
        assert sidecar.run(ECHO, 1)["result"] == {"ok": True, "data": 1}
        Footprint.of(sidecar, tmp_path, STANDBY).assert_not_above(before, slack_descriptors=STANDBY)


def test_a_zygote_without_memory_for_a_fork_is_replaced_or_recovers() -> None:
    with Sidecar({"PYRUNNER_MAX_CONCURRENCY": "2", "PYRUNNER_STANDBY_WORKERS": str(STANDBY)}) as sidecar:
        sidecar.run(ECHO)
        (zygote,) = sidecar.zygotes()
        if os.geteuid() != 0:
            pytest.skip("an ordinary user may not limit its zygote, which has other ids")
        own = resource.prlimit(zygote.pid, resource.RLIMIT_AS)
        resource.prlimit(zygote.pid, resource.RLIMIT_AS, (1 << 20, own[1]))
        for _ in range(4):
            outcome(sidecar.reply(sidecar.start("run", code=ECHO)))
        for survivor in sidecar.zygotes():
            resource.prlimit(survivor.pid, resource.RLIMIT_AS, own)
        assert sidecar.run(ECHO, 1)["result"] == {"ok": True, "data": 1}
