"""`AsyncPyRunner`: Python tools for a host with an event loop. Cancelling the task that awaits a run ends the run."""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING, Any

from sidecar.client.options import RUN_NAMES, RunOptions, ToolOptions, wire_options
from sidecar.client.session import Session
from sidecar.errors import SidecarError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from typing_extensions import Self, Unpack

    from sidecar.client.connection import Message
    from sidecar.client.results import (
        DoctorReply,
        RegisterReply,
        RunReply,
        StatsReply,
        ToolList,
        ToolResult,
        ValidateReply,
    )

    OnText = Callable[[str], object]

log = logging.getLogger(__name__)

NO_ARGS: Any = object()
"""What `run` takes for `{}`: None is an argument of its own."""


class AsyncPyRunner:
    """Starts the sidecar at its first use and needs no `close`, but belongs to the event loop of that use.

    `sidecar` is the command line of another sidecar than the one in this package, say in a container. `env` adds to
    what that gets of this process's environment (an allow-list); None removes a variable.
    """

    def __init__(
        self,
        *,
        sidecar: Sequence[str] | None = None,
        env: Mapping[str, str | None] | None = None,
        **options: Unpack[ToolOptions],
    ) -> None:
        self._options = wire_options(options)
        self._session = Session(sidecar, env or {})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def run(
        self,
        tool_id: str | None = None,
        args: Any = NO_ARGS,
        *,
        code: str | None = None,
        on_stdout: OnText | None = None,
        on_stderr: OnText | None = None,
        **options: Unpack[RunOptions],
    ) -> RunReply:
        """Run a registered tool, or inline `code`, with any JSON value as its arguments.

        Returns the whole reply also when the tool failed: `reply["result"]["ok"]` is false then. Raises a
        `SidecarError` when the call did not reach the tool or its reply did not come back. `on_stdout` and `on_stderr`
        are called with what the tool prints while it runs.
        """
        if (tool_id is None) == (code is None):
            raise TypeError("run takes the id of a registered tool or code=, exactly one")
        params: Message = {"id": tool_id} if tool_id is not None else {"code": code, **self._options}
        params.update(wire_options(options, RUN_NAMES))
        if args is not NO_ARGS:
            params["args"] = args
        is_streamed = on_stdout is not None or on_stderr is not None
        if is_streamed:
            params = {"runId": uuid.uuid4().hex, **params, "stream": True}
        handlers = {"stdout": on_stdout, "stderr": on_stderr}

        def on_output(stream: str, text: str) -> None:
            handler = handlers.get(stream)
            try:
                if handler is not None:
                    handler(text)
            except Exception:
                log.exception("the host's %s handler raised", stream)

        reply: RunReply = await self._session.run(params, on_output if is_streamed else None)
        return reply

    async def run_safe(self, tool_id: str | None = None, args: Any = NO_ARGS, **options: Any) -> ToolResult:
        """As `run`, for callers that want a result whatever happens: what `run` raises is `{"ok": False, "error"}`."""
        try:
            return (await self.run(tool_id, args, **options))["result"]
        except SidecarError as error:
            return failure(error)

    def create_runner(self, code: str) -> Callable[[Any], Awaitable[ToolResult]]:
        """Return a function of the arguments that runs `code` as `run_safe` does."""

        async def run(args: Any = NO_ARGS) -> ToolResult:
            return await self.run_safe(args=args, code=code)

        return run

    async def validate(self, code: str) -> ValidateReply:
        """Check code without running it."""
        python_path = {name: value for name, value in self._options.items() if name == "pythonPath"}
        reply: ValidateReply = await self._session.call("validate", {"code": code, **python_path})
        return reply

    async def register(  # noqa: PLR0913 - a tool has that many parts
        self,
        tool_id: str,
        code: str,
        *,
        name: str | None = None,
        description: str | None = None,
        schema: dict[str, Any] | None = None,
        warm: bool = False,
        replace: bool = False,
        **options: Unpack[ToolOptions],
    ) -> RegisterReply:
        """Register a tool; it stays registered when the sidecar has to be started again. `schema` is JSON Schema."""
        about: dict[str, Any] = {"name": name, "description": description, "schema": schema}
        given = {key: value for key, value in about.items() if value is not None}
        given |= {"warm": warm, "replace": replace}
        params = {"id": tool_id, "code": code, **given, **self._options, **wire_options(options)}
        reply: RegisterReply = await self._session.register(params)
        return reply

    async def unregister(self, tool_id: str) -> None:
        """Forget a tool."""
        await self._session.unregister(tool_id)

    async def list(self) -> ToolList:
        """The tools that are registered."""
        tools: ToolList = (await self._session.call("list", {}))["tools"]
        return tools

    async def stats(self) -> StatsReply:
        """Counters and gauges of the sidecar."""
        reply: StatsReply = await self._session.call("stats", {})
        return reply

    async def doctor(self) -> DoctorReply:
        """What this machine can enforce, and what to do about what it cannot."""
        reply: DoctorReply = await self._session.call("doctor", {})
        return reply

    async def close(self) -> None:
        """Stop the sidecar and wait until it is gone. May be called more than once."""
        await self._session.close()


def failure(error: SidecarError) -> ToolResult:
    """The result that stands for a call that did not reach its tool."""
    data = {name: value for name, value in error.data.items() if name != "kind"}
    told = {"message": error.message, "type": type(error).__name__, "code": error.data["kind"]}
    return {"ok": False, "error": {**told, "data": data} if data else told}
