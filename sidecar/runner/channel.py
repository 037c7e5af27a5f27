"""The sidecar's end of a worker's channel.

Invariant: whatever comes is hostile. A frame is length-capped before it is kept, descriptors are taken only until the
jail is complete, when it is our own code that sends, and somebody who trickles bytes does not keep the sidecar busy.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING

from sidecar.worker.frames import Frame, FrameDecoder, FrameError

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK_BYTES = 256 * 1024
# A worker of ours sends its frames whole.
_SMALL_READ_BYTES = 4096
_REST_S = 0.002

# Stands for bytes that were no frame, or one out of order: no worker of ours sends them.
BROKEN: Frame = (0, b"")


def _ignore(*_: object) -> None:
    pass


class Channel:
    """Owns `ours` until `close`; reads from construction on."""

    def __init__(
        self,
        ours: socket.socket,
        max_frame_bytes: int,
        take: Callable[[int, bytes], None],
        on_end: Callable[[Frame | None], None],
    ) -> None:
        """`take` gets each frame, and raises FrameError for one out of order; `on_end` is told BROKEN, or None."""
        ours.setblocking(False)  # noqa: FBT003 - positional only
        self._socket = ours
        self._descriptor = ours.fileno()
        self._decoder = FrameDecoder(max_frame_bytes)
        self._take = take
        self._on_end = on_end
        self._pause: asyncio.TimerHandle | None = None
        self._is_reading = True
        # What came beside the frames so far, and whether more may.
        self.received: list[int] = []
        self.takes_descriptors = True
        # Whether the peer ended with a part of what was sent unread (unix(7): ECONNRESET).
        self.was_left_unread = False
        asyncio.get_running_loop().add_reader(self._descriptor, self.read)

    def send(self, data: bytes) -> memoryview:
        """Send what the socket takes at once; what is left is for `send_rest`. A peer that is gone ends elsewhere."""
        try:
            return memoryview(data)[self._socket.send(data) :]
        except BlockingIOError:
            return memoryview(data)
        except ConnectionError:
            self.was_left_unread = True
            return memoryview(b"")

    async def send_rest(self, data: memoryview) -> None:
        """Send the rest, as `send`."""
        try:
            await asyncio.get_running_loop().sock_sendall(self._socket, data)
        except ConnectionError:
            self.was_left_unread = True

    def read(self) -> None:
        """Read what is there."""
        if not self._is_reading:
            return
        try:
            data = self._receive()
            if not data:
                self._end(None)
                return
            for kind, payload in self._decoder.feed(data):
                self._take(kind, payload)
            if self._decoder.has_part and len(data) < _SMALL_READ_BYTES and not self.takes_descriptors:
                self._rest()
        except BlockingIOError:
            return
        except FrameError:
            self._end(BROKEN)
        except ConnectionError:
            self.was_left_unread = True
            self._end(None)

    def stop(self) -> None:
        """Read no more: the terminal frame has come."""
        self._is_reading = False
        if self._pause is not None:
            self._pause.cancel()
        asyncio.get_running_loop().remove_reader(self._descriptor)

    def close(self) -> None:
        """Stop, and give the socket back."""
        if self._socket.fileno() >= 0:
            self.stop()
            self._socket.close()
            self._take = self._on_end = _ignore  # what they belong to holds this channel
            while self.received:
                os.close(self.received.pop())

    def _end(self, terminal: Frame | None) -> None:
        self.stop()
        self._on_end(terminal)

    def _receive(self) -> bytes:
        if not self.takes_descriptors:
            return self._socket.recv(_CHUNK_BYTES)
        data, descriptors, flags, _ = socket.recv_fds(self._socket, _CHUNK_BYTES, 1)
        if flags & socket.MSG_CTRUNC:
            raise ConnectionAbortedError("no descriptor is left for what a worker shows")
        self.received.extend(descriptors)
        return data

    def _rest(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._descriptor)
        self._pause = loop.call_later(_REST_S, loop.add_reader, self._descriptor, self.read)
