"""One `run` request, from its params to the reply's bytes.

Invariant: after the reply no `run/output` of that run is sent, and a `runId` stands for one run at a time.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sidecar.errors import InvalidParams
from sidecar.protocol.results import OutputParams
from sidecar.runner.outcome import NOT_RUN, CallRecord, CallRequest, Isolation, Usage
from sidecar.server.run_reply import run_reply
from sidecar.tools.spec import Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sidecar.config import Config
    from sidecar.metrics import Metrics
    from sidecar.protocol.messages import RunParams
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


class RunCalls:
    """Serves `run`."""

    def __init__(  # noqa: PLR0913 - the wiring has these parts, each named by its keyword
        self,
        *,
        runner: Runner,
        registry: Registry,
        config: Config,
        metrics: Metrics,
        notify: Notify,
        room: Room,
    ) -> None:
        """`room` waits until the host has read enough for one more reply to be kept."""
        self._runner = runner
        self._registry = registry
        self._config = config
        self._metrics = metrics
        self._notify = notify
        self._room = room
        self._run_ids: set[str] = set()

    async def run(self, params: RunParams) -> bytes:
        """Run a registered tool or inline code and return the reply's result as JSON."""
        if (params.id is None) == (params.code is None):
            raise _invalid("id", "exactly one of id and code is needed")
        run_id = params.run_id or uuid.uuid4().hex
        if run_id in self._run_ids:
            raise _invalid("runId", "a run with this id is still in flight")
        stream = _Stream(self._notify, run_id)
        self._run_ids.add(run_id)
        try:
            return run_reply(await self._record(params, stream), run_id)
        finally:
            stream.is_open = False
            self._run_ids.discard(run_id)

    async def _record(self, params: RunParams, stream: _Stream) -> CallRecord:
        tool = None if params.id is None else await self._registry.get(params.id)
        settings = Settings.resolve(params, None if tool is None else tool.spec, self._config)
        spent_ms = 0
        if tool is not None and tool.arguments is not None:
            started = time.monotonic()
            failure = await tool.arguments.result(params.args, settings.timeout_ms)
            spent_ms = int((time.monotonic() - started) * 1000)
            if failure is not None:
                self._metrics.call_refused("invalid_args")
                return self._refused(failure)
        return await self._runner.run(
            CallRequest(
                code=_code(params, tool),
                arguments=params.args.text.encode(),
                python_path=settings.python_path,
                timeout_ms=max(1, settings.timeout_ms - spent_ms),
                max_memory_mb=settings.max_memory_mb,
                min_isolation=settings.min_isolation,
                working_dir=settings.working_dir,
                tool_id=params.id,
                on_output=stream.send if params.stream else None,
                may_start=self._room,
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


def _invalid(path: str, message: str) -> InvalidParams:
    return InvalidParams(f"run: {path}: {message}", errors=[{"path": path, "message": message}])
