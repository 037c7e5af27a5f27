"""`PyRunner`: the same for a host without an event loop. Any thread may call it; Ctrl-C ends the run that is awaited.

It is an `AsyncPyRunner` on a loop in a thread of its own, which starts at the first use.
"""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from sidecar.client.async_runner import NO_ARGS, AsyncPyRunner
from sidecar.client.errors import Closed

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from typing_extensions import Self, Unpack

    from sidecar.client.options import RunOptions, ToolOptions
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

T = TypeVar("T")


class PyRunner:
    """Starts the sidecar at its first use and needs no `close`: the sidecar ends with this process.

    The parameters are those of `AsyncPyRunner`, and the methods do what they do there.
    """

    def __init__(
        self,
        *,
        sidecar: Sequence[str] | None = None,
        env: Mapping[str, str | None] | None = None,
        **options: Unpack[ToolOptions],
    ) -> None:
        self._runner = AsyncPyRunner(sidecar=sidecar, env=env, **options)
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._pid = 0
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self,
        tool_id: str | None = None,
        args: Any = NO_ARGS,
        *,
        code: str | None = None,
        on_stdout: OnText | None = None,
        on_stderr: OnText | None = None,
        **options: Unpack[RunOptions],
    ) -> RunReply:
        """Run a registered tool, or inline `code`. `on_stdout` and `on_stderr` are called in another thread."""
        return self._await(
            self._runner.run(tool_id, args, code=code, on_stdout=on_stdout, on_stderr=on_stderr, **options)
        )

    def run_safe(self, tool_id: str | None = None, args: Any = NO_ARGS, **options: Any) -> ToolResult:
        """As `run`, for callers that want a result whatever happens."""
        return self._await(self._runner.run_safe(tool_id, args, **options))

    def create_runner(self, code: str) -> Callable[[Any], ToolResult]:
        """Return a function of the arguments that runs `code` as `run_safe` does."""

        def run(args: Any = NO_ARGS) -> ToolResult:
            return self.run_safe(args=args, code=code)

        return run

    def validate(self, code: str) -> ValidateReply:
        """Check code without running it."""
        return self._await(self._runner.validate(code))

    def register(  # noqa: PLR0913 - a tool has that many parts
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
        """Register a tool."""
        return self._await(
            self._runner.register(
                tool_id, code, name=name, description=description, schema=schema, warm=warm, replace=replace, **options
            )
        )

    def unregister(self, tool_id: str) -> None:
        """Forget a tool."""
        self._await(self._runner.unregister(tool_id))

    def list(self) -> ToolList:
        """The tools that are registered."""
        return self._await(self._runner.list())

    def stats(self) -> StatsReply:
        """Counters and gauges of the sidecar."""
        return self._await(self._runner.stats())

    def doctor(self) -> DoctorReply:
        """What this machine can enforce, and what to do about what it cannot."""
        return self._await(self._runner.doctor())

    def close(self) -> None:
        """Stop the sidecar and wait until it is gone. May be called more than once."""
        with self._starting:
            is_first, self._is_closed = not self._is_closed, True
        if is_first and self._loop is not None and self._thread is not None and self._pid == os.getpid():
            asyncio.run_coroutine_threadsafe(self._runner.close(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            loop = self._running_loop()
        except BaseException:
            work.close()
            raise
        future = asyncio.run_coroutine_threadsafe(work, loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # of use where the wait was interrupted: the call is ended, not left to itself
            raise

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._is_closed:
                raise Closed("The runner was closed; make a new one.")
            if self._loop is None:
                self._loop, self._pid = asyncio.new_event_loop(), os.getpid()
                self._thread = threading.Thread(target=self._loop.run_forever, name="pyrunner", daemon=True)
                self._thread.start()
        if self._pid != os.getpid():
            raise RuntimeError("this runner was used before the fork: make one in each process")
        if threading.current_thread() is self._thread:
            raise RuntimeError("a runner cannot be called from its own on_stdout or on_stderr")
        return self._loop
