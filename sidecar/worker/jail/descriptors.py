"""The descriptors of a worker: nothing, stdout, stderr and its channel. Every other one is closed, known or not."""

import os
from _socket import SCM_RIGHTS, SOL_SOCKET, socket
from typing import Iterable, Tuple

CHANNEL = 3


def apply(channel: int, stdout: int, stderr: int, kept: Iterable[int], ceiling: int) -> Tuple[str, ...]:
    """Put the four in place as 3, 1, 2 and 0 and close all others (dup2(2)) but `kept`, which later layers close.

    Descriptor 0 is opened here, since the flags of an inherited one would be shared with every other worker. The
    numbers given lie above 3, so that no move overwrites one that is still to be moved; `ceiling` is the
    zygote's own limit, so that no descriptor can lie above it.
    """
    null = os.open(os.devnull, os.O_RDWR)
    for source, target in ((null, 0), (stdout, 1), (stderr, 2), (channel, CHANNEL)):
        os.dup2(source, target)
    first = CHANNEL + 1
    for one in sorted(kept):
        os.closerange(first, one)
        first = one + 1
    os.closerange(first, ceiling)
    return ("descriptors",)


def show_scratch(peer: socket, frame: bytes) -> None:
    """Send the sidecar `frame` with a descriptor of the current directory, so that it can count there."""
    hand_over(peer, frame, os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))


def hand_over(peer: socket, frame: bytes, descriptor: int) -> None:
    """Send the sidecar `frame` with `descriptor`, which is closed here: unix(7), SCM_RIGHTS."""
    peer.sendmsg([frame], [(SOL_SOCKET, SCM_RIGHTS, descriptor.to_bytes(4, "little"))])
    os.close(descriptor)
