"""The sidecar's stdin and stdout: taken away from everything else in the process, read and written without blocking.

Invariant: after `claim`, descriptor 0 is empty and descriptor 1 is stderr, so that nothing that a library prints can
end up between two frames; and the event loop never waits for the host to read or write.
"""

from __future__ import annotations

import asyncio
import os
import select
import stat
import sys
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_READ_BYTES = 256 * 1024
_MAX_VECTORS = 64
_HANGUP_CHECK_S = 0.1


def claim() -> tuple[int, int]:
    """Move stdin and stdout to descriptors of our own and return them; neither is inherited by a child."""
    # Started with one of the three closed, the next file opened would become it: /dev/null takes its place.
    while (null := os.open(os.devnull, os.O_RDWR)) <= 2:  # noqa: PLR2004 - stderr
        os.set_inheritable(null, True)  # noqa: FBT003 - positional only
    read_fd, write_fd = os.dup(0), os.dup(1)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - the old object may hold buffered input
    sys.stdout = sys.stderr
    return read_fd, write_fd


class Input:
    """Reads what the host sends. `on_data` gets the bytes; `on_end` is called once, when the host is gone."""

    def __init__(self, fd: int, on_data: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self._fd = fd
        self._on_data = on_data
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._polled = not stat.S_ISREG(os.fstat(fd).st_mode)
        self._paused = True
        self._ended = False
        self._timer: asyncio.Handle | None = None

    def resume(self) -> None:
        """Read on, or begin."""
        if not self._paused or self._ended:
            return
        self._paused = False
        self._stop_timer()
        if self._polled:
            try:
                # One reader and level-triggered readiness: the read cannot block, so the host's end of a shared
                # terminal or file description keeps its mode.
                self._loop.add_reader(self._fd, self._read)
            except PermissionError:  # epoll takes no regular files and no /dev/null; those never block
                self._polled = False
        if not self._polled:
            self._timer = self._loop.call_soon(self._read)

    def pause(self) -> None:
        """Stop reading; the host's end is still noticed."""
        if self._paused or self._ended:
            return
        self._paused = True
        self._stop_timer()
        if self._polled:
            self._loop.remove_reader(self._fd)
            self._timer = self._loop.call_later(_HANGUP_CHECK_S, self._check_hangup)

    def close(self) -> None:
        """Stop for good, without calling `on_end`."""
        if not self._ended:
            self.pause()
            self._ended = True
            self._stop_timer()
            os.close(self._fd)

    def _read(self) -> None:
        try:
            data = os.read(self._fd, _READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""  # a connection reset or a terminal hung up is an end, too
        if not data:
            self.close()
            self._on_end()
            return
        self._on_data(data)
        if not self._polled and not self._paused and not self._ended:
            self._timer = self._loop.call_soon(self._read)

    def _check_hangup(self) -> None:
        poll = select.poll()
        poll.register(self._fd, getattr(select, "POLLRDHUP", 0))
        if poll.poll(0):
            self.close()
            self._on_end()
        else:
            self._timer = self._loop.call_later(_HANGUP_CHECK_S, self._check_hangup)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Output:
    """Writes frames. What the host has not read yet waits here; `on_pending` is told of each change of that."""

    def __init__(self, fd: int, on_pending: Callable[[], None], on_broken: Callable[[], None]) -> None:
        self._fd = _non_blocking(fd)
        self._on_pending = on_pending
        self._on_broken = on_broken
        self._loop = asyncio.get_running_loop()
        self._chunks: deque[memoryview] = deque()
        self._waiting = False
        self._broken = False
        self._idle: asyncio.Future[None] | None = None
        self.pending_bytes = 0

    def write(self, data: bytes) -> None:
        """Send `data` now or when the host reads; never blocks and never fails."""
        if self._broken or not data:
            return
        self._chunks.append(memoryview(data))
        self.pending_bytes += len(data)
        if not self._waiting:
            self._flush()
        self._on_pending()

    @property
    def is_abandoned(self) -> bool:
        """Whether nobody can read what is written: the host is gone."""
        if self._broken:
            return True
        poll = select.poll()
        poll.register(self._fd, 0)  # errors and hang-ups are always told
        return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))

    async def drain(self, timeout_s: float) -> None:
        """Wait until everything is written, or the host has not read it for `timeout_s`."""
        if self._waiting:
            self._idle = self._loop.create_future()
            await asyncio.wait([self._idle], timeout=timeout_s)

    def close(self) -> None:
        """Drop what is pending and close the descriptor."""
        self._stop_waiting()
        self._broken = True
        self._chunks.clear()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _flush(self) -> None:
        try:
            while self._chunks:
                self._drop(os.writev(self._fd, list(islice(self._chunks, _MAX_VECTORS))))
        except BlockingIOError:
            if not self._waiting:
                self._waiting = True
                self._loop.add_writer(self._fd, self._writable)
        except OSError:
            self.pending_bytes = 0
            self.close()
            self._on_broken()
        else:
            self._stop_waiting()

    def _writable(self) -> None:
        self._flush()
        if not self._broken:
            self._on_pending()

    def _drop(self, written: int) -> None:
        self.pending_bytes -= written
        while written:
            chunk = self._chunks.popleft()
            if len(chunk) > written:
                self._chunks.appendleft(chunk[written:])
                return
            written -= len(chunk)

    def _stop_waiting(self) -> None:
        if self._waiting:
            self._waiting = False
            self._loop.remove_writer(self._fd)
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)


def _non_blocking(fd: int) -> int:
    """Return a non-blocking descriptor for the same file, where possible without changing the one that others share."""
    if stat.S_ISFIFO(os.fstat(fd).st_mode) or os.isatty(fd):
        try:
            own = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError:  # no /proc, another user's pipe, or nobody reads it any more
            pass
        else:
            os.close(fd)
            return own
    os.set_blocking(fd, False)
    return fd
