"""Each method's result: its members, exactly, and what they say."""

from __future__ import annotations

import hashlib
import signal
from typing import TYPE_CHECKING

import pytest
from sidecar_process import Sidecar

if TYPE_CHECKING:
    from collections.abc import Iterator

ECHO = "def run(args):\n    return args\n"
SLEEP = "import time\ndef run(args):\n    print('started', flush=True)\n    time.sleep(args)\n    return 'slept'\n"
STRICT_LAYERS = {"pid_ns", "mount_ns", "net_ns", "pivot_root", "rlimits", "no_new_privs", "seccomp"}


@pytest.fixture
def sidecar() -> Iterator[Sidecar]:
    with Sidecar() as started:
        yield started


def test_initialize_tells_the_protocol_the_server_the_isolation_and_the_limits(sidecar: Sidecar) -> None:
    result = sidecar.call("initialize", clientInfo={"name": "test", "version": "1"})
    assert set(result) == {"protocolVersion", "serverInfo", "isolation", "limits"}
    assert result["protocolVersion"] == 1
    assert set(result["serverInfo"]) == {"name", "version"}
    assert result["isolation"]["level"] == "strict"
    assert set(result["isolation"]["layers"]) >= STRICT_LAYERS
    assert (result["limits"]["timeout"], result["limits"]["maxMemoryMB"]) == (30_000, 256)
    assert all(type(limit) is int for limit in result["limits"].values())


def test_initialize_needs_no_client_info_and_may_come_again(sidecar: Sidecar) -> None:
    assert sidecar.call("initialize") == sidecar.call("initialize")


def test_register_returns_the_id_and_the_hash_of_the_code(sidecar: Sidecar) -> None:
    code = ECHO + "# ї\n"
    expected = hashlib.sha256(code.encode()).hexdigest()
    assert sidecar.call("register", id="one", code=code) == {"id": "one", "codeHash": expected}
    assert sidecar.call("register", id="two", code=code)["codeHash"] == expected
    assert sidecar.call("register", id="three", code=ECHO)["codeHash"] != expected


def test_register_takes_everything_that_the_contract_lists(sidecar: Sidecar) -> None:
    params = {
        "id": "all", "code": ECHO, "name": "All", "description": "of it", "schema": {"type": "object"},
        "pythonPath": "python3", "timeout": 1000, "maxMemoryMB": 128, "workingDir": "/tmp/work", "replace": False,
    }  # fmt: skip
    assert sidecar.call("register", **params)["id"] == "all"
    assert sidecar.call("run", id="all", args={"a": 1})["result"] == {"ok": True, "data": {"a": 1}}


def test_run_returns_the_result_the_output_the_usage_and_the_isolation(sidecar: Sidecar) -> None:
    code = "import sys\ndef run(args):\n    print('out')\n    print('err', file=sys.stderr)\n    return args\n"
    reply = sidecar.run(code, [1], runId="mine")
    assert set(reply) == {
        "result", "stdout", "stderr", "stdoutTruncated", "stderrTruncated", "usage", "isolation", "violations", "runId",
    }  # fmt: skip
    assert reply["result"] == {"ok": True, "data": [1]}
    assert (reply["stdout"], reply["stderr"]) == ("out\n", "err\n")
    assert (reply["stdoutTruncated"], reply["stderrTruncated"]) == (False, False)
    assert reply["runId"] == "mine"
    assert set(reply["usage"]) == {
        "wallMs", "cpuMs", "maxRssMB", "queueMs", "peakMemoryMB", "spawnMs", "runMs",
    }  # fmt: skip
    assert set(reply["isolation"]) == {"level", "layers"}
    assert reply["isolation"]["level"] == "strict"
    assert set(reply["isolation"]["layers"]) >= STRICT_LAYERS


def test_usage_is_measured(sidecar: Sidecar) -> None:
    slept = sidecar.run("import time\ndef run(args):\n    time.sleep(0.2)\n")["usage"]
    assert slept["wallMs"] >= 200
    assert slept["cpuMs"] < slept["wallMs"]
    code = "import time\ndef run(args):\n    kept = b'x' * (100 << 20)\n    while time.process_time() < 0.2: pass\n"
    burnt = sidecar.run(code)["usage"]
    assert burnt["cpuMs"] >= 150
    assert burnt["maxRssMB"] >= 100
    assert all(value >= 0 for value in (*slept.values(), *burnt.values()))


def test_time_in_the_queue_is_told_apart() -> None:
    with Sidecar({"PYRUNNER_MAX_CONCURRENCY": "1"}) as narrow:
        narrow.run(ECHO)
        first, second = narrow.start("run", code=SLEEP, args=0.3), narrow.start("run", code=ECHO)
        assert narrow.reply(first)["result"]["usage"]["queueMs"] < 300
        assert narrow.reply(second)["result"]["usage"]["queueMs"] >= 250


def test_validate_finds_nothing_in_good_code(sidecar: Sidecar) -> None:
    assert sidecar.call("validate", code=ECHO) == {"valid": True, "diagnostics": []}


def test_validate_says_where_code_is_wrong(sidecar: Sidecar) -> None:
    result = sidecar.call("validate", code="x = 1\ndef run(args):\n    return (1\n")
    assert set(result) == {"valid", "error", "diagnostics"}
    assert result["valid"] is False
    assert result["error"]
    (finding,) = result["diagnostics"]
    assert set(finding) == {"line", "column", "message", "severity"}
    assert (finding["line"], finding["column"], finding["severity"]) == (3, 12, "error")


def test_validate_tells_warnings_from_errors_and_runs_nothing(sidecar: Sidecar) -> None:
    result = sidecar.call("validate", code="raise SystemExit\ndef run(args):\n    return args is 1\n")
    assert result["valid"] is True
    assert "error" not in result
    assert {finding["severity"] for finding in result["diagnostics"]} == {"warning"}


def test_list_describes_the_tools_in_the_order_of_their_registration(sidecar: Sidecar) -> None:
    assert sidecar.call("list") == {"tools": []}
    schema = {"type": "object", "properties": {"class": {"type": "string"}, "a-b": {}}}
    sidecar.call("register", id="b", code=ECHO, name="Bee", description="It buzzes.", schema=schema)
    sidecar.call("register", id="a", code=ECHO)
    code_hash = hashlib.sha256(ECHO.encode()).hexdigest()
    assert sidecar.call("list") == {
        "tools": [
            {"id": "b", "name": "Bee", "description": "It buzzes.", "schema": schema, "codeHash": code_hash},
            {"id": "a", "name": None, "description": None, "schema": None, "codeHash": code_hash},
        ]
    }


def test_unregister_returns_nothing_and_forgets_the_tool(sidecar: Sidecar) -> None:
    sidecar.call("register", id="a", code=ECHO)
    assert sidecar.call("unregister", id="a") == {}
    assert sidecar.call("list") == {"tools": []}
    assert sidecar.error("run", id="a")["data"]["kind"] == "tool_not_found"


def test_stats_counts_what_has_happened(sidecar: Sidecar) -> None:
    sidecar.call("register", id="echo", code=ECHO)
    sidecar.call("run", id="echo")
    sidecar.run("def run(args):\n    raise ValueError\n")
    sidecar.error("unregister", id="nobody")
    stats = sidecar.call("stats")
    assert stats["tools"] == 1
    assert stats["requests"]["run"] == 2
    assert stats["runs"] == {"ok": 1, "tool_error": 1}
    assert stats["errors"] == {"tool_not_found": 1}
    assert stats["inFlight"] == 0
    assert stats["rssBytes"] > 0
    assert stats["gauges"]["running"] == 0
    assert stats["gauges"]["zygotes"] == 1
    for histogram in ("queueMs", "spawnMs", "runMs", "wallMs", "encodeMs"):
        assert sum(stats[histogram]["counts"]) == 2, histogram
    assert stats["runMs"]["sumMs"] <= stats["wallMs"]["sumMs"]


def test_doctor_tells_what_this_machine_enforces(sidecar: Sidecar) -> None:
    result = sidecar.call("doctor")
    assert set(result) == {"ok", "isolation", "checks"}
    assert result["ok"] is True
    assert result["isolation"] == sidecar.call("initialize")["isolation"]
    assert result["checks"]
    for check in result["checks"]:
        assert {"name", "ok", "detail", "layers", "missing"} <= set(check)
        assert set(check) <= {"name", "ok", "detail", "layers", "missing", "hint"}
        assert check["ok"] is True
        assert bool(check["missing"]) <= bool(check.get("hint"))
        assert set(check["layers"]) <= set(result["isolation"]["layers"])


def test_shutdown_waits_for_the_calls_in_flight_and_takes_no_more(sidecar: Sidecar) -> None:
    running = sidecar.start("run", code=SLEEP, args=0.3, runId="r", stream=True)
    sidecar.output_of("r", "started")
    stopping = sidecar.start("shutdown")
    for method, params in (("run", {"code": ECHO}), ("register", {"id": "a", "code": ECHO}), ("list", {})):
        error = sidecar.error(method, **params)
        assert (error["code"], error["data"]["kind"]) == (-32016, "shutting_down")
    assert sidecar.reply(running)["result"]["result"]["data"] == "slept"
    assert sidecar.reply(stopping)["result"] is None


def test_exit_after_shutdown_ends_the_process_without_complaint(sidecar: Sidecar) -> None:
    assert sidecar.call("shutdown") is None
    sidecar.notify("exit")
    assert sidecar.wait() == 0
    assert sidecar.remaining() == []


def test_exit_without_shutdown_ends_the_process_too(sidecar: Sidecar) -> None:
    sidecar.call("list")
    sidecar.notify("exit")
    assert sidecar.wait() == 1


def test_eof_ends_the_process_without_complaint(sidecar: Sidecar) -> None:
    sidecar.call("list")
    sidecar.close_input()
    assert sidecar.wait() == 0


def test_eof_before_the_first_request_ends_the_process(sidecar: Sidecar) -> None:
    sidecar.close_input()
    assert sidecar.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_in_order(sidecar: Sidecar, number: signal.Signals) -> None:
    sidecar.call("list")
    sidecar.kill(number)
    assert sidecar.wait() == 0
