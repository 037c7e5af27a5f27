"""Where a call can run: workers of one pool, those of another sidecar in this process, those of a sidecar's process."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from harness import PATIENCE_S, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness import ToolRunner
    from sidecar_process import Sidecar

_TIMEOUT_MS = 20_000


class Place(Protocol):
    """Runs a tool that must succeed."""

    def run(self, code: str, args: Any = None) -> Any:
        """What the tool returned."""


@dataclass(frozen=True)
class Workers:
    """Workers of a runner in this process."""

    tools: ToolRunner
    tool_id: str | None = None

    def run(self, code: str, args: Any = None) -> Any:
        """What the tool returned."""
        return self.tools.run(code, args, timeout_ms=_TIMEOUT_MS, tool_id=self.tool_id).data


@dataclass(frozen=True)
class SidecarProcess:
    """Workers of a real sidecar."""

    sidecar: Sidecar

    def run(self, code: str, args: Any = None) -> Any:
        """What the tool returned."""
        result = self.sidecar.run(code, args, timeout=_TIMEOUT_MS)["result"]
        assert result["ok"] is True, result
        return result["data"]


@dataclass
class Parked:
    """A call that has said that it is ready and is still there, or has ended before."""

    hint: Any = ""
    left: Any = None
    data: Any = None
    _printed: str = ""
    _ready: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[Any] | None = None

    async def begin(self, tools: ToolRunner, code: str, args: dict[str, Any]) -> None:
        """Start it and wait until it is ready."""
        request = tools.request(code, args, timeout_ms=_TIMEOUT_MS, tool_id="parked", on_output=self._take)
        self._task = asyncio.ensure_future(tools.runner.run(request))
        self._task.add_done_callback(lambda _: self._ready.set())
        await asyncio.wait_for(self._ready.wait(), PATIENCE_S)
        if not self._printed:
            raise AssertionError(Reply.of(self._task.result()).result)
        said = json.loads(self._printed.removeprefix("ready "))
        self.hint, self.left = said["hint"], said["left"]

    async def result(self) -> Any:
        """What it returned."""
        assert self._task is not None
        return Reply.of(await asyncio.wait_for(self._task, PATIENCE_S)).data

    async def end(self) -> None:
        """Kill it, if it is there still."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _take(self, _stream: str, text: str) -> None:
        self._printed += text
        if self._printed.endswith("\n"):
            self._ready.set()


@contextlib.contextmanager
def parked(tools: ToolRunner, code: str, args: dict[str, Any]) -> Iterator[Parked]:
    """A call that is there while the block runs."""

    async def construct() -> Parked:
        return Parked()

    call = tools.on_loop(construct())
    try:
        tools.on_loop(call.begin(tools, code, args))
        yield call
    finally:
        tools.on_loop(call.end())
