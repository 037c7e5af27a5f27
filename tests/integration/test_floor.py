"""The floor of isolation: what a host has not accepted is refused, whatever the machine can do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sidecar_process import COMMAND, Sidecar

if TYPE_CHECKING:
    from collections.abc import Iterator

ONE = "def run(args): return 1"
REFUSE = Path(__file__).parent.parent / "refuse_calls.py"


def lacking(what: str, floor: str = "") -> Sidecar:
    """A sidecar whose kernel refuses `what`, under `floor`."""
    return Sidecar({"PYRUNNER_MIN_ISOLATION": floor}, command=(sys.executable, str(REFUSE), what, *COMMAND))


@pytest.fixture(scope="module")
def poor() -> Iterator[Sidecar]:
    """On a machine with neither namespaces nor Landlock, whose host accepts a process."""
    with lacking("both", "process") as started:
        yield started


def test_a_host_that_accepts_a_process_gets_one_and_is_told_so(poor: Sidecar) -> None:
    reply = poor.run(ONE)
    assert reply["result"] == {"ok": True, "data": 1}
    assert reply["isolation"]["level"] == "process"
    assert {"rlimits", "seccomp", "no_new_privs"} <= set(reply["isolation"]["layers"])
    assert poor.call("initialize")["isolation"]["level"] == "process"


def test_limits_and_deadline_hold_in_a_process(poor: Sidecar) -> None:
    assert poor.run("def run(args):\n  while True: pass", timeout=300)["result"]["error"]["code"] == "timeout"
    eats = "def run(args):\n  kept = []\n  while True: kept.append(bytearray(1 << 20))"
    assert poor.run(eats, maxMemoryMB=64)["result"]["error"]["code"] == "memory_limit"
    assert poor.run(ONE)["result"]["data"] == 1


def test_a_call_or_a_tool_may_ask_for_more_than_the_host_and_is_refused(poor: Sidecar) -> None:
    assert poor.error("run", code=ONE, minIsolation="strict")["data"]["kind"] == "sandbox_unavailable"
    poor.call("register", id="careful", code=ONE, minIsolation="strict")
    error = poor.error("run", id="careful")
    assert error["data"]["kind"] == "sandbox_unavailable"
    assert {"namespaces", "landlock"} == {one["home"] for one in error["data"]["missing"]}
    assert poor.call("run", id="careful", minIsolation="process")["result"]["data"] == 1


def test_a_call_may_ask_for_less_than_the_host() -> None:
    with lacking("both") as poor:
        assert poor.error("run", code=ONE)["data"]["kind"] == "sandbox_unavailable"
        reply = poor.run(ONE, minIsolation="process")
        assert (reply["result"]["data"], reply["isolation"]["level"]) == (1, "process")


def test_doctor_fails_what_a_process_does_not_hold(poor: Sidecar) -> None:
    examined = poor.call("doctor")
    failed = {check["name"] for check in examined["checks"] if not check["ok"]}
    assert examined["ok"] is False
    assert "no file of the host" in failed
    assert "no network" not in failed


def test_a_machine_that_can_do_better_is_not_weakened_by_the_floor() -> None:
    with Sidecar({"PYRUNNER_MIN_ISOLATION": "process"}) as rich:
        assert rich.run(ONE)["isolation"]["level"] == "strict"
        assert rich.run(ONE, minIsolation="process")["isolation"]["level"] == "strict"


def test_without_landlock_alone_the_first_home_is_taken_and_does_not_name_it() -> None:
    with lacking("landlock") as old:
        isolation = old.run(ONE)["isolation"]
        assert isolation["level"] == "strict"
        assert not any(layer.startswith("landlock") for layer in isolation["layers"])
        missing = {layer: check["hint"] for check in old.call("doctor")["checks"] for layer in check["missing"]}
        assert "landlock" in missing["landlock"]


@pytest.mark.parametrize("level", ["none", "STRICT", "", "vm", 1])
def test_a_level_that_does_not_exist_is_refused_by_name(level: object) -> None:
    with Sidecar() as sidecar:
        for method, params in (("run", {"code": ONE}), ("register", {"id": "a", "code": ONE})):
            error = sidecar.error(method, minIsolation=level, **params)
            assert error["code"] == -32602
            assert "minIsolation" in error["message"]
        assert sidecar.run(ONE)["result"]["data"] == 1


@pytest.mark.parametrize("variable", ["PYRUNNER_MIN_ISOLATION", "PYRUNNER_CGROUP", "PYRUNNER_SCRATCH_DIR"])
def test_a_variable_that_means_nothing_is_refused_by_name(variable: str) -> None:
    with Sidecar({variable: "/nowhere/at/all"}) as sidecar:
        error = sidecar.error("run", code=ONE)
        assert variable in error["message"]
        assert error["data"]["kind"] == "invalid_config"
