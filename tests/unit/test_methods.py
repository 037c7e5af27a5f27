"""Methods: what each answers, and what a call runs under."""

from __future__ import annotations

import pytest
from fake_runner import FakeRunner
from host import Host, hanging, with_host

from sidecar.protocol.results import RunResult

HANG = {"code": "hang"}


def test_the_spliced_reply_has_the_shape_of_its_model() -> None:
    async def scenario(host: Host) -> None:
        result = await host.result("run", {"code": "echo", "runId": "r"})
        model = RunResult.model_validate(result)
        assert result == model.model_dump(by_alias=True, exclude_none=True)
        assert result["stdout"] == "hello wörld\ud800"
        assert result["runId"] == "r"

    with_host(scenario)


def test_output_is_streamed_on_request_and_never_after_the_reply() -> None:
    async def scenario(host: Host) -> None:
        host.send("run", {"code": "print", "stream": True, "runId": "r"})
        first, second, reply = [await host.receive() for _ in range(3)]
        assert first == {
            "jsonrpc": "2.0",
            "method": "run/output",
            "params": {"runId": "r", "stream": "stdout", "text": "hello "},
        }
        assert second["params"] == {"runId": "r", "stream": "stderr", "text": "wörld\ud800"}
        assert reply["result"]["runId"] == "r"
        assert await host.result("list") == {"tools": []}

    with_host(scenario)


def test_a_run_id_in_flight_cannot_be_used_again() -> None:
    async def scenario(host: Host) -> None:
        host.send("run", {**HANG, "runId": "r"})
        await hanging(host, 1)
        error = await host.error("run", {"code": "echo", "runId": "r"})
        assert (error["code"], error["data"]["errors"][0]["path"]) == (-32602, "runId")
        next(iter(host.runner.hanging)).set_result(None)
        await host.receive()
        assert await host.result("run", {"code": "echo", "runId": "r"})

    with_host(scenario)


@pytest.mark.parametrize("params", [{}, {"id": "a", "code": "echo"}, {"args": {}}])
def test_run_takes_exactly_one_of_id_and_code(params: object) -> None:
    async def scenario(host: Host) -> None:
        assert (await host.error("run", params))["code"] == -32602

    with_host(scenario)


def test_a_value_of_the_call_goes_before_the_registration_and_that_before_the_configuration() -> None:
    async def scenario(host: Host) -> None:
        await host.result(
            "register", {"id": "t", "code": "echo", "timeout": 2000, "pythonPath": "py", "workingDir": "/w"}
        )
        await host.result("run", {"id": "t"})
        await host.result(
            "run", {"id": "t", "timeout": 50, "maxMemoryMB": 64, "pythonPath": "other", "workingDir": "/x"}
        )
        await host.result("run", {"code": "echo"})
        seen = [(r.timeout_ms, r.max_memory_mb, r.python_path, r.working_dir, r.tool_id) for r in host.runner.requests]
        assert seen == [
            (2000, 256, "py", "/w", "t"),
            (50, 64, "other", "/x", "t"),
            (30_000, 256, "python3", None, None),
        ]

    with_host(scenario)


def test_initialize_tells_protocol_isolation_and_limits() -> None:
    async def scenario(host: Host) -> None:
        result = await host.result("initialize", {"clientInfo": {"name": "test", "version": "1"}})
        assert result["protocolVersion"] == 1
        assert result["serverInfo"]["name"] == "pyrunner-sidecar"
        assert result["isolation"] == {"level": "strict", "layers": ["namespaces", "seccomp"]}
        assert (result["limits"]["timeout"], result["limits"]["maxMemoryMB"]) == (30_000, 256)
        assert "missing" not in result

    with_host(scenario)


def test_initialize_answers_where_no_tool_can_run() -> None:
    runner = FakeRunner()
    runner.available = False

    async def scenario(host: Host) -> None:
        result = await host.result("initialize")
        assert result["isolation"] == {"level": "none", "layers": []}
        assert result["missing"] == [{"layer": "namespaces", "reason": "r", "fix": "f"}]

    with_host(scenario, runner)


def test_validate_reports_what_does_not_compile() -> None:
    async def scenario(host: Host) -> None:
        assert await host.result("validate", {"code": "fine"}) == {"valid": True, "diagnostics": []}
        result = await host.result("validate", {"code": "syntax error"})
        assert result["valid"] is False
        assert "line 3" in result["error"]
        assert result["diagnostics"] == [{"line": 3, "column": 7, "message": "invalid syntax", "severity": "error"}]

    with_host(scenario)


def test_stats_count_requests_runs_and_errors() -> None:
    async def scenario(host: Host) -> None:
        await host.result("run", {"code": "echo"})
        await host.error("nope")
        stats = await host.result("stats")
        assert stats["requests"] == {"run": 1, "stats": 1}
        assert stats["runs"] == {"ok": 1}
        assert stats["errors"] == {"method_not_found": 1}
        assert stats["gauges"] == {"running": 0}
        assert sum(stats["wallMs"]["counts"]) == 1
        assert stats["rssBytes"] > 0

    with_host(scenario)
