"""The sidecar's end of one worker: its channel, its output, its pidfd.

Invariant: whatever the other end sends is hostile. A frame is length-capped before it is kept, only the frames that
`wire` allows are taken, one terminal frame at most, and nothing that was sent is believed beyond that.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sidecar.errors import SandboxUnavailable
from sidecar.runner.cgroups import Spent
from sidecar.runner.output import OutputStream
from sidecar.runner.violations import Reported
from sidecar.runner.waiting import block_until_dead, within
from sidecar.runner.watchdog import watched
from sidecar.worker import wire
from sidecar.worker.frames import Frame, FrameDecoder, FrameError

if TYPE_CHECKING:
    from sidecar.config import Limits
    from sidecar.runner.resources import Share

_CHUNK_BYTES = 256 * 1024
# A worker of ours sends its frames whole.
_SMALL_READ_BYTES = 4096
_REST_S = 0.002
# A dead worker's zygote answers at once; one that is stopped or wedged must not hold a reply.
_REAP_TIMEOUT_S = 2.0
_CLEAN_TIMEOUT_S = 1.0

TERMINAL_KINDS = frozenset({wire.RESULT, wire.FAILURE, wire.DIAGNOSTICS})


@dataclass(frozen=True)
class Ended:
    """How the process ended, from the zygote that reaped it; `status` is None where the zygote died with it."""

    status: int | None
    cpu_us: int
    max_rss_kb: int
    spent: Spent = field(default_factory=Spent)


LOST = Ended(None, 0, 0)

# Stands for bytes that were no frame, or one out of order: no worker of ours sends them.
BROKEN: Frame = (0, b"")

_NOT_READY: Frame = (wire.REFUSED, b"")


def sandbox_unavailable(missing: list[dict[str, str]]) -> SandboxUnavailable:
    """The protocol's error, which says what is missing and how to get it."""
    reasons = "; ".join(f"{one['layer']}: {one['reason']}" for one in missing)
    return SandboxUnavailable(f"This machine cannot isolate a tool: {reasons}.", missing=missing)


def _pipe(opened: contextlib.ExitStack) -> tuple[int, int]:
    ends = os.pipe2(os.O_CLOEXEC)
    for end in ends:
        opened.callback(os.close, end)
    return ends


class Worker:
    """One process for one call. Construct, hand `remote` to the zygote, then `close_remote`."""

    def __init__(self, limits: Limits, share: Share, level: str) -> None:
        self.share = share
        self.level = level
        loop = asyncio.get_running_loop()
        with contextlib.ExitStack() as opened:  # descriptors may run out at each of the three
            self._channel, channel = map(opened.enter_context, socket.socketpair())
            stdout_reader, stdout = _pipe(opened)
            stderr_reader, stderr = _pipe(opened)
            opened.pop_all()
        self._channel.setblocking(False)  # noqa: FBT003 - positional only
        for descriptor in (stdout_reader, stderr_reader):
            os.set_blocking(descriptor, False)
        self._remote = (channel.detach(), stdout, stderr)
        self._decoder = FrameDecoder(max(limits.result_max_bytes, wire.FAILURE_MAX_BYTES))
        self._pidfd: int | None = None
        self._closed = False
        self._pause: asyncio.TimerHandle | None = None
        self._dead = loop.create_future()
        self.stdout = OutputStream(stdout_reader, limits.stdout_max_bytes)
        self.stderr = OutputStream(stderr_reader, limits.stderr_max_bytes)
        self.layers: tuple[str, ...] = ()
        self.jailing_cpu_us = 0
        self.reported = Reported()
        self._cleaned: asyncio.Future[None] | None = None
        self._ready: asyncio.Future[Frame] = loop.create_future()
        self._attached: asyncio.Future[None] = loop.create_future()
        self.terminal: asyncio.Future[Frame | None] = loop.create_future()
        # Whether it ended with a part of the call unread (unix(7): ECONNRESET), so that the tool cannot have begun.
        self.has_missed_call = False
        self.ended: asyncio.Future[Ended] = loop.create_future()
        loop.add_reader(self._channel, self._read)

    @property
    def remote(self) -> tuple[int, int, int]:
        """The worker's own descriptors: channel, stdout, stderr."""
        return self._remote

    def close_remote(self) -> None:
        """Drop them here, so that the worker's death is the end of each stream."""
        for descriptor in self._remote:
            os.close(descriptor)

    def attach(self, pidfd: int) -> None:
        """Take the pidfd, which is how this process is killed and known to be dead."""
        if self._closed:
            # Given up before it was known: nobody else will end it.
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            os.close(pidfd)
            return
        self._pidfd = pidfd
        asyncio.get_running_loop().add_reader(pidfd, self._on_death)
        if not self._attached.done():
            self._attached.set_result(None)

    @property
    def pid(self) -> int | None:
        """Its number among our own processes, by its pidfd's word (pidfd_open(2)); None where it is gone."""
        if self._pidfd is None or self._dead.done():
            return None
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/self/fdinfo/{self._pidfd}").read_text(encoding="ascii").splitlines():
                if line.startswith("Pid:"):
                    return int(line.split()[1]) if int(line.split()[1]) > 0 else None
        return None

    def finish(self, ended: Ended) -> None:
        """The zygote has reaped it: count what it took and remove what it left."""
        if self.ended.done():
            return
        self.ended.set_result(replace(ended, spent=self.share.finish()))
        if self.share.scratch_path:
            # A hostile tree takes a while to remove.
            self._cleaned = asyncio.get_running_loop().run_in_executor(None, self.share.remove_scratch)

    def lose(self) -> None:
        """The zygote is gone, or could not fork: nobody will say how this process ended."""
        if not self._ready.done():
            self._ready.set_result(_NOT_READY)
        if not self._attached.done():
            self._attached.set_result(None)
        if not self.ended.done():
            self.ended.set_result(LOST)
        self.kill()

    async def jailed(self) -> bool:
        """Wait until the jail is complete; False where the process ended first. `SandboxUnavailable` if refused."""
        kind, payload = await self._ready
        await self._attached
        if kind == wire.READY:
            # Sent before the worker has read anything of a tool, so this one frame is our own code's word.
            answer = json.loads(payload)
            self.layers, self.jailing_cpu_us = (*answer["layers"], *watched(self)), int(answer["cpu_us"])
            self.reported.is_watched = bool(answer["watched"])
            return True
        if payload:
            raise sandbox_unavailable([json.loads(payload)])
        return False

    @property
    def usable(self) -> bool:
        """Whether it is ready for its call and still there."""
        return bool(self.layers) and not self._dead.done() and not self.terminal.done() and not self.ended.done()

    async def send(self, *frames: bytes) -> None:
        """Send the call; a worker that dies meanwhile is seen by its end, not here."""
        try:
            await asyncio.get_running_loop().sock_sendall(self._channel, b"".join(frames))
        except ConnectionError:
            self.has_missed_call = True

    def wait_dead(self, timeout_s: float) -> None:
        """Block until the kernel says that it is dead."""
        if self._pidfd is not None:
            block_until_dead(self._pidfd, timeout_s)

    def kill(self) -> None:
        """SIGKILL, through the pidfd: the init of a PID namespace takes all that is in it along."""
        if self._pidfd is not None and not self._dead.done():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    async def end(self) -> Ended:
        """Kill the process if it still runs, wait until the kernel says that it is dead, and return how it ended."""
        self.kill()
        if self._pidfd is not None:
            await asyncio.shield(self._dead)
        if not self.terminal.done() and not self._closed:
            self._read()  # what it had said by then
        try:
            ended = await within(_REAP_TIMEOUT_S, asyncio.shield(self.ended))
        except TimeoutError:
            return LOST
        finally:
            self._close()
        if self._cleaned is not None:
            # What takes longer goes on while the reply is sent.
            await asyncio.wait({self._cleaned}, timeout=_CLEAN_TIMEOUT_S)
        return ended

    def discard(self) -> None:
        """Give up a worker that is dead already or was never started."""
        self.kill()
        self._close()
        self.stdout.finish()
        self.stderr.finish()

    def _close(self) -> None:
        self._closed = True
        loop = asyncio.get_running_loop()
        if self._pause is not None:
            self._pause.cancel()
        if self._channel.fileno() >= 0:
            loop.remove_reader(self._channel)
            self._channel.close()
        self.share.close()
        if self._pidfd is not None:
            loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None

    def _on_death(self) -> None:
        if self._pidfd is not None:
            asyncio.get_running_loop().remove_reader(self._pidfd)
        if not self._dead.done():
            self._dead.set_result(None)

    def _read(self) -> None:
        try:
            data = self._receive()
            if not data:
                self._stop_reading()
                return
            for kind, payload in self._decoder.feed(data):
                self._take(kind, payload)
            if self._decoder.has_part and len(data) < _SMALL_READ_BYTES and self.usable:
                self._rest()
        except BlockingIOError:
            return
        except FrameError:
            self._stop_reading(BROKEN)
        except ConnectionError:
            self.has_missed_call = True
            self._stop_reading()

    def _receive(self) -> bytes:
        if self._ready.done():
            return self._channel.recv(_CHUNK_BYTES)
        # Until the jail is complete it is our own code that writes; a tool's descriptors are never taken.
        data, descriptors, flags, _ = socket.recv_fds(self._channel, _CHUNK_BYTES, 1)
        if flags & socket.MSG_CTRUNC:
            raise ConnectionAbortedError("no descriptor is left for what a worker shows")
        for descriptor in descriptors:
            self.share.show_scratch(descriptor)
        return data

    def _rest(self) -> None:
        """Look again a little later: a tool that trickles bytes must not keep the sidecar busy."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._channel)
        self._pause = loop.call_later(_REST_S, self._resume)

    def _resume(self) -> None:
        if not self._closed:
            asyncio.get_running_loop().add_reader(self._channel, self._read)

    def _take(self, kind: int, payload: bytes) -> None:
        if not self._ready.done():
            if kind in (wire.READY, wire.REFUSED):
                self._ready.set_result((kind, payload))
            elif kind != wire.SCRATCH:  # whose descriptor is what counts
                raise FrameError(f"a frame of kind {kind:#x} is out of order")
        elif kind in TERMINAL_KINDS and not self.terminal.done():
            self.terminal.set_result((kind, payload))
            asyncio.get_running_loop().remove_reader(self._channel)
        elif not self.terminal.done():
            self.reported.take(kind, payload)

    def _stop_reading(self, terminal: Frame | None = None) -> None:
        asyncio.get_running_loop().remove_reader(self._channel)
        if not self._ready.done():
            self._ready.set_result(_NOT_READY)
        if not self.terminal.done():
            self.terminal.set_result(terminal)
