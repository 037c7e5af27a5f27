"""Frames on a worker's channel: one byte of kind, four bytes of length (big endian), then the payload. No I/O here.

Invariant: a length is checked against the cap before anything of that size is kept, since a worker may send anything.
"""

import struct
from typing import Iterator, Tuple

HEADER = struct.Struct("!BI")

Frame = Tuple[int, bytes]


class FrameError(ValueError):
    """The peer broke the framing; nothing that it sends afterwards can be trusted."""


def encode(kind: int, payload: bytes) -> bytes:
    """The frame's bytes."""
    return HEADER.pack(kind, len(payload)) + payload


class FrameDecoder:
    """Bytes in, frames out, however the stream was split.

    `max_bytes` bounds one payload. After a `FrameError` the decoder must not be used again.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()

    @property
    def has_part(self) -> bool:
        """Whether a frame has begun and is not complete."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take `data` and yield every frame that is complete by now."""
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            kind, length = HEADER.unpack_from(self._buffer)
            if length > self._max_bytes:
                raise FrameError("a frame of %d bytes, %d are allowed" % (length, self._max_bytes))
            end = HEADER.size + length
            if len(self._buffer) < end:
                return
            payload = bytes(memoryview(self._buffer)[HEADER.size : end])
            del self._buffer[:end]
            yield kind, payload
