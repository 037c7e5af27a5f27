"""The sidecar's end of one worker: its channel, its output, its pidfd.

Invariant: only the frames that `wire` allows are taken, each in its time, one terminal frame at most, and nothing that
was sent is believed beyond that.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
from typing import TYPE_CHECKING

from sidecar.errors import SandboxUnavailable
from sidecar.runner.channel import Channel
from sidecar.runner.ended import LOST, Ended
from sidecar.runner.output import OutputStream
from sidecar.runner.violations import Reported
from sidecar.runner.waiting import block_until_dead, pid_of, uncancelled
from sidecar.runner.watchdog import watched
from sidecar.worker import wire
from sidecar.worker.frames import Frame, FrameError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.config import Limits
    from sidecar.runner.resources import Share

# A dead worker's zygote answers at once; one that is stopped or wedged must not hold a reply.
_REAP_TIMEOUT_S = 2.0
# When the reply is on its way: removing a cgroup takes a while, and nobody waits for it.
_TIDY_AFTER_S = 0.003

TERMINAL_KINDS = frozenset({wire.RESULT, wire.FAILURE, wire.DIAGNOSTICS, wire.COMPILED})

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
            ours, channel = map(opened.enter_context, socket.socketpair())
            stdout_reader, stdout = _pipe(opened)
            stderr_reader, stderr = _pipe(opened)
            opened.pop_all()
        for descriptor in (stdout_reader, stderr_reader):
            os.set_blocking(descriptor, False)
        self._remote = (channel.detach(), stdout, stderr)
        max_frame_bytes = max(limits.result_max_bytes, wire.DIAGNOSTICS_MAX_BYTES)
        self.channel = Channel(ours, max_frame_bytes, self._take, self._channel_ended)
        self._pidfd: int | None = None
        self._closed = False
        self._reaped = False
        self.stdout = OutputStream(stdout_reader, limits.stdout_max_bytes)
        self.stderr = OutputStream(stderr_reader, limits.stderr_max_bytes)
        self.layers: tuple[str, ...] = ()
        self.jailing_cpu_us = 0
        self.reported = Reported()
        self._freed: asyncio.Future[None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._ready: Frame | None = None
        self.is_attached = False  # whether its zygote has forked it, and said so
        self.terminal: asyncio.Future[Frame | None] = loop.create_future()
        self.ended: asyncio.Future[Ended] = loop.create_future()

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
        self.is_attached = True
        self.wake()

    @property
    def pid(self) -> int | None:
        """Its number among our own processes; None where it is gone."""
        return None if self._pidfd is None else pid_of(self._pidfd)

    def finish(self, ended: Ended) -> None:
        """The zygote has reaped it: count what it took and remove what it left."""
        if self._reaped:
            return
        self._reaped = True
        had_answered = self.terminal.done() and self.terminal.result() is not None
        spent = self.share.finish(had_answered=had_answered)
        if not self.ended.done():  # one that was lost has been given up before
            self.ended.set_result(ended._replace(spent=spent))
        loop = asyncio.get_running_loop()
        loop.call_later(_TIDY_AFTER_S, self.share.remove_cgroup)
        self.share.begin_removal()
        self.wake()

    def lose(self) -> None:
        """The zygote is gone, or could not fork: nobody will say how this process ended."""
        self._ready = self._ready or _NOT_READY
        self.is_attached = True
        if not self.ended.done():
            self.ended.set_result(LOST)
        self.wake()
        self.kill()

    async def change(self) -> None:
        """Wait until there is news of this worker, or `wake` is called. One task at a time."""
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    def wake(self) -> None:
        """Let whoever waits look again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def jailed(self, timeout_s: float) -> bool:
        """Wait until the jail is complete; False where the process ended first. `SandboxUnavailable` if refused.

        TimeoutError where it takes longer than `timeout_s`.
        """
        if not await self._until(lambda: self._ready is not None and self.is_attached, timeout_s):
            raise TimeoutError
        kind, payload = self._ready or _NOT_READY
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
        """Whether it is ready for its call and still there, by the kernel's word: its zygote's comes a little later."""
        if not self.layers or self.terminal.done() or self.ended.done() or self._pidfd is None:
            return False
        return not block_until_dead(self._pidfd, 0)

    @property
    def has_missed_call(self) -> bool:
        """Whether it ended with a part of the call unread, so that the tool cannot have begun."""
        return self.channel.was_left_unread

    def wait_dead(self, timeout_s: float) -> None:
        """Block until the kernel says that it is dead."""
        if self._pidfd is not None:
            block_until_dead(self._pidfd, timeout_s)

    def kill(self) -> None:
        """SIGKILL, through the pidfd: the init of a PID namespace takes all that is in it along."""
        if self._pidfd is not None and not self._reaped:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    async def end(self) -> Ended:
        """Kill the process if it still runs, wait until the kernel says that it is dead, and return how it ended.

        A cancellation goes on when that is done.
        """
        self.kill()
        cancelled = await self._reaped_or_not()
        ended = self.ended.result() if self.ended.done() else LOST
        if ended.status is None:
            cancelled += await uncancelled(self._death())
        if not self.terminal.done() and not self._closed:
            self.channel.read()  # what it had said by then
        self._close()
        if self.share.scratch_path:
            cancelled += await uncancelled(self.share.removed())
        if self._freed is not None:
            # Memory that its call was allowed: no other call has it before it is free.
            cancelled += await uncancelled(self._freed)
        if cancelled:
            raise cancelled[0]
        return ended

    async def _reaped_or_not(self) -> list[asyncio.CancelledError]:
        # The zygote's word is the kernel's: it has reaped the process.
        came: list[asyncio.CancelledError] = []
        while True:
            try:
                await self._until(self.ended.done, _REAP_TIMEOUT_S)
            except asyncio.CancelledError as error:
                came.append(error)
            else:
                return came

    async def _until(self, is_so: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until it is so, or `timeout_s` have passed: whether it is."""
        is_late = False

        def expire() -> None:
            nonlocal is_late
            is_late = True
            self.wake()

        timer = asyncio.get_running_loop().call_later(timeout_s, expire)
        try:
            while not is_so() and not is_late:
                await self.change()
        finally:
            timer.cancel()
        return is_so()

    async def _death(self) -> None:
        """Wait for it by the pidfd, since nobody reaps it whom we could hear: its zygote is dead, or stopped."""
        if self._pidfd is None:
            return
        loop = asyncio.get_running_loop()
        dead: asyncio.Future[None] = loop.create_future()
        loop.add_reader(self._pidfd, lambda: None if dead.done() else dead.set_result(None))
        try:
            await dead
        finally:
            loop.remove_reader(self._pidfd)

    def discard(self) -> None:
        """Give up a worker that is dead already or was never started."""
        self.kill()
        self._close()
        self.stdout.finish()
        self.stderr.finish()

    def _close(self) -> None:
        self._closed = True
        self.channel.close()
        self._freed = self.share.close()
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None

    def _take(self, kind: int, payload: bytes) -> None:
        if self._ready is None:
            if kind in (wire.READY, wire.REFUSED):
                self.channel.takes_descriptors = False
                self._ready = (kind, payload)
                self.wake()
            elif kind == wire.SCRATCH and self.channel.received:
                self.share.show_scratch(self.channel.received.pop(0))
            elif kind == wire.MOUNTS and self.channel.received:
                self.share.hold_mounts(self.channel.received.pop(0))
            else:
                raise FrameError(f"a frame of kind {kind:#x} is out of order")
        elif kind in TERMINAL_KINDS and not self.terminal.done():
            self.terminal.set_result((kind, payload))
            self.wake()
            self.channel.stop()
        elif not self.terminal.done():
            self.reported.take(kind, payload)

    def _channel_ended(self, terminal: Frame | None) -> None:
        self._ready = self._ready or _NOT_READY
        if not self.terminal.done():
            self.terminal.set_result(terminal)
        self.wake()
