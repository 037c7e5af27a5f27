"""One running sidecar: its process and the connection to it, which live and die together.

It is never restarted; the session makes a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sidecar.client.connection import Connection, Message
from sidecar.client.errors import Closed, SidecarExited, SidecarProtocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sidecar.errors import SidecarError

# What `python -m sidecar` finds first, whatever the host's current directory holds: the package that this file is in.
PACKAGE_ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "sidecar")
PROTOCOL_VERSION = 1
# From the start to the first reply; importing a Python program on a busy machine takes seconds.
_START_S = 60.0
# Between the end of stdout and the end of the process, so that the error can name the exit code.
_EXIT_STATUS_S = 1.0
# For the reply to `shutdown`, which comes when the calls in flight have ended; those that have not then are lost.
_SHUTDOWN_S = 2.0
# After `exit` and the end of its stdin; protocol.md says one second, with everything that it started.
_EXIT_S = 3.0
# After SIGTERM, for a sidecar that does not read its stdin any more.
_TERMINATE_S = 1.0
# After SIGKILL there is only the kernel to wait for.
_KILL_S = 2.0
_STDERR_TAIL_BYTES = 4096


class Sidecar:
    """A process that serves us. `limits` are its own, known after `hello`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the sidecar was started without pipes")
        self.limits: dict[str, int] = {}
        self._process = process
        self._outputs: dict[str, Callable[[str, str], None]] = {}
        self._stderr_tail = b""
        self._is_ready = False
        self._closing: asyncio.Task[None] | None = None
        self._reading = asyncio.create_task(self._read_stderr())
        self._connection = Connection(process.stdout, process.stdin, self._notified, self._explain_end)
        self.failed = self._connection.failed
        self.failed.add_done_callback(lambda _: self._end_process())

    @classmethod
    async def start(cls, command: Sequence[str], environ: Mapping[str, str]) -> Sidecar:
        """Start it; `hello` tells whether it works. A command of the host's own starts in the host's directory."""
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                env=environ,
                cwd=PACKAGE_ROOT if command is COMMAND else None,
                start_new_session=True,  # a terminal's Ctrl-C is the host's to hear; the end of stdin ends it
            )
        except (OSError, ValueError) as error:
            reason = f"Failed to spawn Python process: {' '.join(command)}: {error}"
            raise SidecarExited(reason, exitCode=None, stderrTail="") from error
        return cls(process)

    async def hello(self) -> None:
        """Wait until it has answered, and make sure that it speaks our version of the protocol."""
        reply = await self.call("initialize", {}, _START_S)
        version = reply.get("protocolVersion") if isinstance(reply, dict) else None
        if version != PROTOCOL_VERSION:
            reason = SidecarProtocol(
                f"The sidecar speaks version {version} of the protocol, this client version {PROTOCOL_VERSION}: "
                "use a sidecar of the same release."
            )
            self._connection.fail(reason)
            raise reason
        self.limits = reply["limits"]
        self._connection.send_max_bytes = self.limits["maxMessageBytes"]
        self._is_ready = True

    async def call(self, method: str, params: Message, deadline_s: float) -> Any:
        """Make one request."""
        return await self._connection.request(method, params, deadline_s)

    @contextlib.contextmanager
    def output(self, run_id: str, handler: Callable[[str, str], None]) -> Iterator[None]:
        """Hand what one streamed run prints to `handler(stream, text)` meanwhile."""
        self._outputs[run_id] = handler
        try:
            yield
        finally:
            del self._outputs[run_id]

    async def close(self) -> None:
        """Stop it, in order unless it is not even ready. Returns when the process is gone."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._is_ready and not self.failed.done():
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self.call("shutdown", {}, _START_S), _SHUTDOWN_S)
            await self._connection.notify("exit", {})
            await self._exits_within(_EXIT_S)
        self._connection.fail(Closed("The runner was closed."))
        await self._terminate()
        await asyncio.wait({self._reading}, timeout=_KILL_S)  # its end of the pipe, too

    def _notified(self, method: str, params: Message) -> None:
        handler = self._outputs.get(params.get("runId", "")) if method == "run/output" else None
        if handler is not None:
            handler(str(params.get("stream")), str(params.get("text")))

    async def _explain_end(self) -> SidecarError:
        """The stream has ended: say what happened to the process, which is what the host can act on."""
        if self._closing is not None:
            return Closed("The runner was closed.")
        if not await self._exits_within(_EXIT_STATUS_S):
            return SidecarExited("The sidecar closed its output and was ended.", exitCode=None, stderrTail="")
        code = self._process.returncode
        what = f"exited with code {code}" if code is None or code >= 0 else f"was ended by signal {-code}"
        message = f"The sidecar {what}" + ("; the calls in flight are lost." if self._is_ready else " as it started.")
        await asyncio.wait({self._reading}, timeout=_EXIT_STATUS_S)
        tail = self._stderr_tail.decode(errors="replace").strip()
        if tail:
            message += f"\nIts last words on stderr:\n{tail}"
        return SidecarExited(message, exitCode=code, stderrTail=tail)

    def _end_process(self) -> None:
        """However the connection failed, nothing of the process stays behind."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._terminate())

    async def _terminate(self) -> None:
        for end, wait_s in ((self._process.terminate, _TERMINATE_S), (self._process.kill, _KILL_S)):
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    end()
                await self._exits_within(wait_s)

    async def _exits_within(self, wait_s: float) -> bool:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._process.wait(), wait_s)
        return self._process.returncode is not None

    async def _read_stderr(self) -> None:
        """Keep the end of it for error messages; the rest is read and dropped, or the sidecar would block."""
        stream = self._process.stderr
        while stream is not None and (data := await stream.read(_STDERR_TAIL_BYTES)):
            self._stderr_tail = (self._stderr_tail + data)[-_STDERR_TAIL_BYTES:]
