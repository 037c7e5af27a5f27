"""The sidecar of one runner over time.

It is started at the first use, once for concurrent first uses; replaced at the next use after it was lost, with every
tool registered again; stopped for good by `close`. `restarts.py` says when it is given up.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Any

from sidecar.client.environment import sidecar_environment
from sidecar.client.errors import Closed, LostSidecar
from sidecar.client.process import COMMAND, Sidecar
from sidecar.client.restarts import Restarts, lost_call

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sidecar.client.connection import Message
    from sidecar.errors import SidecarError

# What any call may take beside the time of the tools that run and wait in front of it.
_GRACE_S = 60.0


class _Live:
    """A sidecar and what it was told."""

    def __init__(self, sidecar: Sidecar) -> None:
        self.sidecar = sidecar
        # Each is done when the sidecar has taken, or refused, the tool.
        self.registrations: dict[str, asyncio.Task[Any]] = {}
        # The timeouts of all runs in flight: in a first-in first-out queue no reply can take longer than their sum.
        self.budget_s = 0.0

    @property
    def deadline_s(self) -> float:
        return self.budget_s + _GRACE_S

    def register(self, tool: Message) -> asyncio.Task[Any]:
        """Register a tool, in a task that whoever needs the tool can await."""
        task = asyncio.create_task(self.sidecar.call("register", tool, self.deadline_s))
        task.add_done_callback(_retrieved)
        self.registrations[tool["id"]] = task
        return task


class Session:
    """What a runner makes its calls with, on one event loop: the one that runs at its first use."""

    def __init__(self, command: Sequence[str] | None, environ: Mapping[str, str | None]) -> None:
        self._command = tuple(command) if command is not None else COMMAND
        self._environ = dict(environ)
        self._tools: dict[str, Message] = {}
        self._restarts = Restarts()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting: asyncio.Task[_Live] | None = None
        self._is_closed = False

    async def call(self, method: str, params: Message) -> Any:
        """Make a request that no tool delays."""
        with lost_call(may_have_run=False):
            live = await self._running()
            return await live.sidecar.call(method, params, live.deadline_s)

    async def run(self, params: Message, on_output: Callable[[str, str], None] | None) -> Any:
        """Make a `run` request, with its output handed to `on_output(stream, text)` if that is given."""
        tool_id = params.get("id")
        with lost_call(may_have_run=False):
            live = await self._running()
            if tool_id in live.registrations:
                await asyncio.shield(live.registrations[tool_id])
        timeout_ms = params.get("timeout") or self._tools.get(tool_id or "", {}).get("timeout")
        budget_s = (timeout_ms or live.sidecar.limits["timeout"]) / 1000
        listening = (
            live.sidecar.output(params["runId"], on_output) if on_output is not None else contextlib.nullcontext()
        )
        live.budget_s += budget_s
        try:
            with listening, lost_call(may_have_run=True):
                return await live.sidecar.call("run", params, live.deadline_s)
        finally:
            live.budget_s -= budget_s

    async def register(self, tool: Message) -> Any:
        """Register a tool, and again with each sidecar that comes after this one."""
        with lost_call(may_have_run=False):
            live = await self._running()
            before = live.registrations.get(tool["id"])
            try:
                reply = await live.register(tool)
            except BaseException:
                # What was registered before still is.
                if before is not None:
                    live.registrations[tool["id"]] = before
                else:
                    live.registrations.pop(tool["id"], None)
                raise
        self._tools[tool["id"]] = tool
        return reply

    async def unregister(self, tool_id: str) -> None:
        """Forget a tool, even if the sidecar is lost meanwhile."""
        self._tools.pop(tool_id, None)
        with lost_call(may_have_run=False):
            live = await self._running()
            live.registrations.pop(tool_id, None)
            await live.sidecar.call("unregister", {"id": tool_id}, live.deadline_s)

    async def close(self) -> None:
        """Stop the sidecar, also one that is just starting. Every later call raises `Closed`."""
        self._is_closed = True
        if self._starting is not None:
            with contextlib.suppress(Exception):
                await (await asyncio.shield(self._starting)).sidecar.close()

    async def _running(self) -> _Live:
        self._assert_open()
        if self._loop not in (None, asyncio.get_running_loop()):
            raise RuntimeError("this runner belongs to another event loop: make one for each loop")
        self._loop = asyncio.get_running_loop()
        if self._starting is None or _is_lost(self._starting):
            self._starting = asyncio.create_task(self._start())
            self._starting.add_done_callback(_retrieved)
        return await asyncio.shield(self._starting)

    async def _start(self) -> _Live:
        await asyncio.sleep(self._restarts.delay_s())
        self._assert_open()
        try:
            sidecar = await Sidecar.start(self._command, sidecar_environment(os.environ, self._environ))
        except LostSidecar as lost:
            self._restarts.died(lost)
            raise
        sidecar.failed.add_done_callback(self._ended)
        try:
            await sidecar.hello()
        except BaseException:
            await sidecar.close()
            raise
        live = _Live(sidecar)
        for tool in self._tools.values():
            live.register(tool)
        return live

    def _assert_open(self) -> None:
        if self._is_closed:
            raise Closed("The runner was closed; make a new one.")

    def _ended(self, failed: asyncio.Future[SidecarError]) -> None:
        reason = failed.result()
        if isinstance(reason, LostSidecar):
            self._restarts.died(reason)


def _retrieved(task: asyncio.Task[Any]) -> None:
    """Its failure is told to those who await it; whether there are any is their affair."""
    if not task.cancelled():
        task.exception()


def _is_lost(starting: asyncio.Task[_Live]) -> bool:
    if not starting.done():
        return False
    return starting.cancelled() or starting.exception() is not None or starting.result().sidecar.failed.done()
