"""The descriptors of a worker: nothing, stdout, stderr and its channel. Every other one is closed, known or not."""

import os
from typing import Tuple

CHANNEL = 3


def apply(channel: int, stdout: int, stderr: int, max_open_files: int) -> Tuple[str, ...]:
    """Put the four in place as 3, 1, 2 and 0 and close all others (dup2(2)).

    Descriptor 0 is opened here, since the flags of an inherited one would be shared with every other worker. The
    numbers given lie above 3, so that no move overwrites one that is still to be moved; `max_open_files` is the
    zygote's own limit, so that no descriptor can lie above it.
    """
    null = os.open(os.devnull, os.O_RDWR)
    for source, target in ((null, 0), (stdout, 1), (stderr, 2), (channel, CHANNEL)):
        os.dup2(source, target)
    os.closerange(CHANNEL + 1, max_open_files)
    return ("descriptors",)
