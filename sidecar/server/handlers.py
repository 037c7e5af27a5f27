"""One function for each method but `run`: params model in, result model out. No protocol, no I/O, no error codes."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import sidecar
from sidecar.errors import MachineError
from sidecar.memory import resident_bytes
from sidecar.metrics import BOUNDS_MS, Histogram
from sidecar.protocol import messages, results
from sidecar.tools.spec import ToolSpec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pygls.server import JsonRPCServer

    from sidecar.config import Config
    from sidecar.metrics import Metrics
    from sidecar.server.run_call import InFlight, RunCalls
    from sidecar.server.runner_interface import Runner
    from sidecar.tools.registry import Registry, Tool

SERVER_NAME = "pyrunner-sidecar"
# How many of the runs in flight `stats` lists.
_MAX_CALLS = 100


class Handlers:
    """Serves one host. `leave` ends the process; `room` as in `RunCalls`."""

    def __init__(  # noqa: PLR0913 - the wiring has these parts, each named by its keyword
        self,
        *,
        runner: Runner,
        registry: Registry,
        runs: RunCalls,
        config: Config,
        metrics: Metrics,
        in_flight: Callable[[], int],
        settle: Callable[[float], Awaitable[None]],
        room: Callable[[], Awaitable[None]],
        leave: Callable[[], None],
    ) -> None:
        self._runner = runner
        self._registry = registry
        self._runs = runs
        self._config = config
        self._metrics = metrics
        self._in_flight = in_flight
        self._settle = settle
        self._room = room
        self._one_list = asyncio.Lock()
        self._leave = leave

    def add_to(self, server: JsonRPCServer) -> None:
        """Register every method as a pygls feature."""
        features: dict[str, Callable[[Any], Any]] = {
            "initialize": self.initialize,
            "register": self.register,
            "run": self._runs.run,
            "validate": self.validate,
            "unregister": self.unregister,
            "list": self.list_tools,
            "stats": self.stats,
            "doctor": self.doctor,
            "shutdown": self.shutdown,
            "exit": self.exit,
        }
        for name, function in features.items():
            server.feature(name)(partial(function))  # pygls marks what it is given, and a bound method takes no marks

    async def initialize(self, _params: messages.InitializeParams) -> results.InitializeResult:
        """Say who we are and what a call runs under."""
        isolation, missing = await self._isolation()
        fields: dict[str, Any] = {
            "protocol_version": results.PROTOCOL_VERSION,
            "server_info": {"name": SERVER_NAME, "version": sidecar.__version__},
            "isolation": isolation,
            "limits": self._limits(),
        }
        if missing:
            fields["missing"] = missing
        return results.InitializeResult.model_validate(fields)

    async def register(self, params: messages.RegisterParams) -> results.RegisterResult:
        """Check and keep a tool."""
        tool = await self._registry.register(ToolSpec.from_params(params), replace=params.replace)
        fields: dict[str, Any] = {"id": tool.spec.id, "code_hash": tool.spec.code_hash}
        if tool.derived.schema is not None:
            fields["schema_derived"] = True
        if tool.derived.problem:
            fields["warnings"] = [f"No schema was derived from the type hints: {tool.derived.problem}."]
        return results.RegisterResult.model_validate(fields)

    async def validate(self, params: messages.ValidateParams) -> results.ValidateResult:
        """Compile code without running it."""
        compiled = await self._runner.check(params.code, params.python_path or self._config.python_path)
        errors = [finding for finding in compiled.diagnostics if finding.severity == "error"]
        fields: dict[str, Any] = {
            "valid": not errors,
            "diagnostics": [
                {"line": found.line, "column": found.column, "message": found.message, "severity": found.severity}
                for found in compiled.diagnostics
            ],
        }
        if errors:
            fields["error"] = f"{errors[0].message} (line {errors[0].line})"
        return results.ValidateResult.model_validate(fields)

    async def unregister(self, params: messages.UnregisterParams) -> results.EmptyResult:
        """Forget a tool."""
        await self._registry.unregister(params.owner, params.id)
        return results.EmptyResult()

    async def list_tools(self, params: messages.ListParams) -> results.ListResult:
        """Return the registered tools of one owner."""
        tools = await self._registry.tools(params.owner)
        async with self._one_list:  # these are the longest replies: no other is made before one has been sent
            await asyncio.sleep(0)
            await self._room()
            return results.ListResult(tools=[_report(tool) for tool in tools])

    def stats(self, _params: messages.NoParams) -> results.StatsResult:
        """Return the process's counters and gauges."""
        metrics = self._metrics
        return results.StatsResult(
            uptime_ms=metrics.uptime_ms(),
            rss_bytes=resident_bytes(),
            tools=len(self._registry),
            in_flight=self._in_flight(),
            requests=dict(metrics.requests),
            runs=dict(metrics.runs),
            errors=dict(metrics.errors),
            gauges=self._runner.gauges(),
            calls=[_in_flight(run) for run in self._runs.in_flight()[:_MAX_CALLS]],
            wall_ms=_histogram(metrics.wall),
            queue_ms=_histogram(metrics.queue),
            spawn_ms=_histogram(metrics.spawn),
            run_ms=_histogram(metrics.run),
            encode_ms=_histogram(metrics.encode),
        )

    async def doctor(self, _params: messages.NoParams) -> results.DoctorResult:
        """Say what this machine can and cannot do."""
        checks = await self._runner.doctor()
        isolation, _missing = await self._isolation()
        return results.DoctorResult.model_validate(
            {
                "ok": all(check.ok for check in checks),
                "isolation": isolation,
                "checks": [
                    {
                        "name": check.name,
                        "ok": check.ok,
                        "detail": check.detail,
                        **({"hint": check.hint} if check.hint else {}),
                        "layers": list(check.layers),
                        "missing": list(check.missing),
                    }
                    for check in checks
                ],
            }
        )

    async def shutdown(self, _params: messages.NoParams) -> None:
        """Let the calls in flight end; the protocol refuses new ones already."""
        # What was asked before comes first, also what has not reached the runner yet.
        await self._settle(self._config.drain_ms / 1000)
        # Shielded: a cancelled `shutdown` must not leave the runner half closed.
        await asyncio.shield(asyncio.ensure_future(self._runner.close()))

    def exit(self, _params: messages.NoParams) -> None:
        """End the process."""
        self._leave()

    async def _isolation(self) -> tuple[dict[str, Any], list[dict[str, str]]]:
        try:
            isolation = await self._runner.isolation()
        except MachineError as error:
            fix = "set PYTHON_PATH to a Python interpreter"
            no_interpreter = [{"layer": "interpreter", "reason": error.message, "fix": fix}]
            return {"level": "none", "layers": []}, error.data.get("missing", no_interpreter)
        return {"level": isolation.level, "layers": list(isolation.layers)}, []

    def _limits(self) -> dict[str, int]:
        limits, config = self._config.limits, self._config
        return {
            "timeout": limits.timeout_ms,
            "max_memory_mb": limits.max_memory_mb,
            "stdout_max_bytes": limits.stdout_max_bytes,
            "stderr_max_bytes": limits.stderr_max_bytes,
            "result_max_bytes": limits.result_max_bytes,
            "scratch_max_bytes": limits.scratch_max_bytes,
            "scratch_max_inodes": limits.scratch_max_inodes,
            "max_open_files": limits.max_open_files,
            "max_threads": limits.max_threads,
            "max_concurrency": config.max_concurrency,
            "max_queue": config.max_queue,
            "memory_budget_mb": config.memory_budget_mb,
            "max_message_bytes": config.max_message_bytes,
        }


def _in_flight(run: InFlight) -> results.InFlightReport:
    return results.InFlightReport(
        run_id=run.run_id,
        tool=run.tool_id,
        state="running" if run.is_running else "queued",
        ms=round((time.perf_counter() - run.started) * 1000, 3),
    )


def _histogram(histogram: Histogram) -> results.HistogramReport:
    return results.HistogramReport(bounds_ms=list(BOUNDS_MS), counts=histogram.counts, sum_ms=histogram.sum_ms)


def _report(tool: Tool) -> results.ToolReport:
    return results.ToolReport.model_validate(
        {
            "id": tool.spec.id,
            "name": tool.spec.name,
            "description": tool.description,
            "schema": tool.schema,
            "code_hash": tool.spec.code_hash,
        }
    )
