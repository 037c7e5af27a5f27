"""The worker's end of its channel: blocking reads and writes of whole frames.

Invariant: not one byte is read beyond the frame that was asked for, so the call's code stays in the kernel until the
limits that came before it are in force.
"""

import os
from typing import Optional

from .frames import HEADER, Frame, encode


def read_frame(descriptor: int) -> Optional[Frame]:
    """The next frame, or None where the sidecar has closed the channel."""
    header = _read_exactly(descriptor, HEADER.size)
    if header is None:
        return None
    kind, length = HEADER.unpack(header)
    payload = _read_exactly(descriptor, length)
    return None if payload is None else (kind, payload)


def write_frame(descriptor: int, kind: int, payload: bytes) -> None:
    """Write the whole frame; OSError where the sidecar is gone."""
    view = memoryview(encode(kind, payload))
    while view:
        view = view[os.write(descriptor, view) :]


def _read_exactly(descriptor: int, size: int) -> Optional[bytes]:
    chunks = []
    while size:
        chunk = os.read(descriptor, min(size, 1 << 20))
        if not chunk:
            return None
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)
