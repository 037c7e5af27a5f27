"""One `run` request, from its params to the reply's bytes.

Invariant: after the reply no `run/output` of that run is sent, and a `runId` stands for one run at a time.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from sidecar.errors import Cancelled, InternalError, InvalidParams, SidecarError
from sidecar.protocol.results import OutputParams
from sidecar.record import RunRecord, Usage
from sidecar.runner.outcome import NOT_RUN, CallRecord, CallRequest, Isolation
from sidecar.server.run_reply import run_reply
from sidecar.tools.spec import Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sidecar.config import Config
    from sidecar.protocol.messages import RunParams
    from sidecar.record import Recorder
    from sidecar.server.runner_interface import Runner
    from sidecar.tools.registry import Registry, Tool

    Notify = Callable[[str, OutputParams], None]
    Room = Callable[[], Awaitable[None]]

_NO_USAGE = Usage(wall_ms=0.0, cpu_ms=0.0, max_rss_mb=0.0, queue_ms=0.0)


@dataclass
class _Stream:
    """Turns what a tool prints into notifications until its run has ended."""

    notify: Notify
    run_id: str
    is_open: bool = True

    def send(self, stream: str, text: str) -> None:
        """Send new text of `stream`."""
        if self.is_open and text:
            params = OutputParams.model_validate({"run_id": self.run_id, "stream": stream, "text": text})
            self.notify("run/output", params)


@dataclass
class InFlight:
    """A run that is not answered yet."""

    run_id: str
    tool_id: str | None
    started: float = field(default_factory=time.perf_counter)
    is_running: bool = False


class RunCalls:
    """Serves `run`."""

    def __init__(  # noqa: PLR0913 - the wiring has these parts, each named by its keyword
        self,
        *,
        runner: Runner,
        registry: Registry,
        config: Config,
        recorders: Sequence[Recorder],
        notify: Notify,
        room: Room,
    ) -> None:
        """`room` waits until the host has read enough for one more reply to be kept."""
        self._runner = runner
        self._registry = registry
        self._config = config
        self._recorders = recorders
        self._notify = notify
        self._room = room
        self._in_flight: dict[str, InFlight] = {}

    async def run(self, params: RunParams) -> bytes:
        """Run a registered tool or inline code and return the reply's result as JSON."""
        if (params.id is None) == (params.code is None):
            raise _invalid("id", "exactly one of id and code is needed")
        run_id = params.run_id or uuid.uuid4().hex
        if run_id in self._in_flight:
            raise _invalid("runId", "a run with this id is still in flight")
        stream = _Stream(self._notify, run_id)
        run = self._in_flight[run_id] = InFlight(run_id, params.id)
        trace_id = None if params.traceparent is None else params.traceparent.split("-")[1]
        told = partial(RunRecord, run_id, params.id, trace_id=trace_id)
        try:
            call = await self._call(params, stream, run)
        except (Exception, asyncio.CancelledError) as error:
            self._tell(told(_kind(error), _ms_since(run.started), is_error=True))
            raise
        finally:
            stream.is_open = False
            del self._in_flight[run_id]
        ended = time.perf_counter()
        reply = run_reply(call, run_id)
        usage = None if call.usage is _NO_USAGE else call.usage
        self._tell(told(call.code, _ms_since(run.started), usage, _ms_since(ended)))
        return reply

    def in_flight(self) -> list[InFlight]:
        """Return the runs that wait or run now, the oldest first."""
        return list(self._in_flight.values())

    def _tell(self, record: RunRecord) -> None:
        for recorder in self._recorders:
            recorder.run_ended(record)

    async def _call(self, params: RunParams, stream: _Stream, run: InFlight) -> CallRecord:
        tool = None if params.id is None else await self._registry.get(params.owner, params.id)
        settings = Settings.resolve(params, None if tool is None else tool.spec, self._config)
        budget_mb = self._config.memory_budget_mb
        if settings.max_memory_mb > budget_mb:
            rule = f"{settings.max_memory_mb} MB is more than the {budget_mb} MB that all calls together may use here"
            raise _invalid("maxMemoryMB", f"{rule}: ask for less, or raise PYRUNNER_MEMORY_BUDGET_MB")
        spent_ms = 0
        if tool is not None and tool.arguments is not None:
            started = time.monotonic()
            failure = await tool.arguments.result(params.args, settings.timeout_ms)
            spent_ms = int((time.monotonic() - started) * 1000)
            if failure is not None:
                return self._refused(failure)

        async def may_start() -> None:
            await self._room()
            run.is_running = True

        return await self._runner.run(
            CallRequest(
                code=_code(params, tool),
                arguments=params.args.text.encode(),
                python_path=settings.python_path,
                timeout_ms=max(1, settings.timeout_ms - spent_ms),
                max_memory_mb=settings.max_memory_mb,
                min_isolation=settings.min_isolation,
                working_dir=settings.working_dir,
                imports=() if tool is None else tool.imports,
                tool_id=params.id,
                owner=params.owner,
                on_output=stream.send if params.stream else None,
                may_start=may_start,
            )
        )

    def _refused(self, result: bytes) -> CallRecord:
        # No worker ran, so no layer was in force.
        return CallRecord(
            result=result,
            code="invalid_args",
            stdout="",
            stderr="",
            stdout_truncated=False,
            stderr_truncated=False,
            usage=_NO_USAGE,
            isolation=Isolation(NOT_RUN, ()),
        )


def _code(params: RunParams, tool: Tool | None) -> str:
    return tool.spec.code if tool is not None else params.code or ""


def _kind(error: BaseException) -> str:
    """Under which kind the protocol will answer `error`."""
    if isinstance(error, SidecarError):
        return str(error.data["kind"])
    return Cancelled.kind if isinstance(error, asyncio.CancelledError) else InternalError.kind


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


def _invalid(path: str, message: str) -> InvalidParams:
    return InvalidParams(f"run: {path}: {message}", errors=[{"path": path, "message": message}])
