"""A host for tests: a synchronous JSON-RPC peer on a real sidecar's pipes, and what the kernel says of its processes.

Invariant: every wait has a deadline, and a byte on the sidecar's stdout that is not part of a frame is a failure.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any, cast

from processes import Process, descendants, readable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from typing_extensions import Self

WAIT_S = 20.0
COMMAND = (sys.executable, "-m", "sidecar")
_READ_BYTES = 256 * 1024
_HEADER = re.compile(rb"Content-Length: ([0-9]+)\r\n\r\n")
_OURS = re.compile(r"PYRUNNER_|PYTHON_(PATH|TIMEOUT_MS|MAX_MEMORY_MB)$")

Message = dict[str, Any]


def frame(body: str | bytes) -> bytes:
    """Return `body` behind its header."""
    data = body if isinstance(body, bytes) else body.encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(data), data)


def request_text(request_id: object, method: str, **params: Any) -> str:
    """Return a request's JSON."""
    return json.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})


class Sidecar:
    """A sidecar of the test's own. `environ` adds to an environment that configures nothing."""

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        *,
        command: Sequence[str] = COMMAND,
        user: int | None = None,
        cwd: Path | None = None,
    ) -> None:
        inherited = {name: value for name, value in os.environ.items() if not _OURS.match(name)}
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**inherited, **(environ or {})},
            cwd=cwd,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            bufsize=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        os.set_blocking(self._input.fileno(), False)
        self._received = bytearray()
        self._unclaimed: list[Message] = []
        self._ids = 0
        self._ended = False
        self.notifications: list[Message] = []
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- requests ------------------------------------------------------------------------------------------------------

    def call(self, method: str, /, **params: Any) -> Any:
        """Return the result of a request that must succeed."""
        message = self.reply(self.start(method, **params))
        assert "result" in message, message
        return message["result"]

    def error(self, method: str, /, **params: Any) -> Message:
        """Return the error of a request that must fail."""
        message = self.reply(self.start(method, **params))
        assert "error" in message, message
        error: Message = message["error"]
        return error

    def run(self, code: str, args: object = None, /, **params: Any) -> Message:
        """Run inline code and return the whole reply's result."""
        reply: Message = self.call("run", code=code, args=args, **params)
        return reply

    def start(self, method: str, /, **params: Any) -> int:
        """Send a request and return its id."""
        self._ids += 1
        self.send(request_text(self._ids, method, **params))
        return self._ids

    def notify(self, method: str, /, **params: Any) -> None:
        """Send a notification."""
        self.send(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}))

    def reply(self, request_id: object) -> Message:
        """Return the reply to a request, keeping what arrives before it."""
        for index, message in enumerate(self._unclaimed):
            if message["id"] == request_id:
                return self._unclaimed.pop(index)
        while True:
            message = self.receive()
            if "method" in message:
                self.notifications.append(message)
            elif message["id"] == request_id:
                return message
            else:
                self._unclaimed.append(message)

    def output_of(self, run_id: str, text: str) -> None:
        """Wait until the run has printed `text`, as its `run/output` says; its request needs `stream`."""
        while text not in self.streamed(run_id):
            message = self.receive()
            assert "method" in message, message
            self.notifications.append(message)

    def streamed(self, run_id: str, stream: str = "stdout") -> str:
        """Return what the notifications so far say that the run has printed."""
        params = [message["params"] for message in self.notifications if message["method"] == "run/output"]
        return "".join(one["text"] for one in params if one["runId"] == run_id and one["stream"] == stream)

    # -- bytes ---------------------------------------------------------------------------------------------------------

    def send(self, body: str | bytes) -> None:
        """Send one frame."""
        self.send_bytes(frame(body))

    def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are; what arrives meanwhile is kept."""
        rest = memoryview(data)
        poll = select.poll()
        poll.register(self._input, select.POLLOUT)
        poll.register(self._output, select.POLLIN)
        while rest:
            ready = dict(poll.poll(WAIT_S * 1000))
            if not ready:
                raise TimeoutError(f"the sidecar reads nothing: {self.stderr()}")
            if ready.get(self._output.fileno()) and not self._read():
                raise EOFError(self._obituary())
            if ready.get(self._input.fileno()):
                rest = rest[os.write(self._input.fileno(), rest[: select.PIPE_BUF]) :]

    def write_unread(self, data: bytes, patience_s: float) -> int:
        """Send without reading any reply; return how many bytes went before the pipe stayed full for `patience_s`."""
        sent = 0
        poll = select.poll()
        poll.register(self._input, select.POLLOUT)
        while sent < len(data) and poll.poll(patience_s * 1000):
            sent += os.write(self._input.fileno(), data[sent : sent + select.PIPE_BUF])
        return sent

    def receive(self) -> Message:
        """Return the next message."""
        message: Message = json.loads(self.receive_body())
        return message

    def receive_until(self, deadline: float) -> Message | None:
        """Return the next message, or None where none is whole by `deadline` (`time.monotonic`)."""
        while (body := self._take_frame()) is None:
            if not readable(self._output.fileno(), deadline) or not self._read():
                return None
        return cast("Message", json.loads(body))

    def receive_body(self) -> bytes:
        """Return the next frame's body. `EOFError` when the sidecar has ended."""
        deadline = time.monotonic() + WAIT_S
        while (body := self._take_frame()) is None:
            if not readable(self._output.fileno(), deadline):
                raise TimeoutError(f"no reply within {WAIT_S} s: {self.stderr()}")
            if not self._read():
                raise EOFError(self._obituary())
        return body

    def _read(self) -> bool:
        data = os.read(self._output.fileno(), _READ_BYTES)
        self._received += data
        return bool(data)

    def _take_frame(self) -> bytes | None:
        header = _HEADER.match(self._received)
        if header is None:
            start = bytes(self._received[:200])
            assert b"\r\n\r\n" not in self._received, f"stdout carries something else than frames: {start!r}"
            assert b"Content-Length: ".startswith(start[:16]), f"stdout carries something else than frames: {start!r}"
            return None
        end = header.end() + int(header[1])
        if len(self._received) < end:
            return None
        body = bytes(self._received[header.end() : end])
        del self._received[:end]
        return body

    # -- the end -------------------------------------------------------------------------------------------------------

    def close_input(self) -> None:
        """End the conversation as a host does that goes away: EOF on stdin."""
        self._input.close()

    def close_output(self) -> None:
        """Read nothing any more: the sidecar's next write breaks its pipe."""
        self._output.close()

    def wait(self, timeout_s: float = WAIT_S) -> int:
        """Return the exit code; what the sidecar still sends is kept."""
        deadline = time.monotonic() + timeout_s
        while not self._output.closed and readable(self._output.fileno(), deadline) and self._read():
            pass
        return self._process.wait(max(deadline - time.monotonic(), 0.001))

    def remaining(self) -> list[Message]:
        """Return every message that has not been asked for; the sidecar must have ended."""
        messages, self._unclaimed = self._unclaimed, []
        while (body := self._take_frame()) is not None:
            messages.append(json.loads(body))
        assert not self._received, bytes(self._received[:200])
        return messages

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send the sidecar a signal."""
        self._process.send_signal(number)

    def stderr(self) -> str:
        """Return what it has logged."""
        self._stderr.seek(0)
        return self._stderr.read().decode("utf-8", "replace")

    def close(self) -> None:
        """End it, orderly if it can."""
        if self._ended:
            return
        self._ended = True
        self._input.close()
        try:
            self.wait()
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._output.close()
            self._stderr.close()

    def _obituary(self) -> str:
        return f"the sidecar has ended with {self._process.poll()}: {self.stderr()[-2000:]}"

    # -- the kernel's view ---------------------------------------------------------------------------------------------

    def processes(self) -> list[Process]:
        """Return every living process that it has started, however far down."""
        return descendants(self.pid)

    def zygotes(self) -> list[Process]:
        """Return the zygotes: each is the only child of a launcher, which is the sidecar's child."""
        found = self.processes()
        launchers = {process.pid for process in found if process.parent == self.pid}
        return [process for process in found if process.parent in launchers]

    def workers(self) -> list[Process]:
        """Return the zygotes' children: those that run a tool and those that wait for one."""
        zygotes = {process.pid for process in self.zygotes()}
        return [process for process in self.processes() if process.parent in zygotes]

    def worker_with(self, threads: int) -> Process:
        """Return the worker that a tool has marked by having that many threads, which anyone may count."""
        (found,) = [worker for worker in self.workers() if worker.threads == threads]
        return found

    def settle(self, standby: int) -> Message:
        """Wait until nothing runs and the standby workers are complete; return the `stats` that say so."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            stats: Message = self.call("stats")
            gauges = stats["gauges"]
            if gauges["standby"] == standby and not gauges["running"] + gauges["compiling"] + gauges["leftovers"]:
                return stats
        raise TimeoutError("the standby workers are never complete")
