"""A memory cgroup for each worker: a cap over all that the kernel holds for it, files in its scratch directory too.

cgroup-v1/memory, cgroup-v2 (kernel documents). Each worker makes a cgroup of its own in the sidecar's and moves itself
there; the sidecar, which sees the file system, sets the limit when the call comes, reads the peak and removes it.
"""

import os
from typing import NamedTuple, Optional, Tuple

# Moving a process takes a lock of the whole machine, 10 ms of waiting; v1 can move one thread without it, and a worker
# has only one.
_JOIN = ("tasks", "cgroup.procs")
# v2 and v1: pages over the limit are not to be moved to swap, where they would count no more.
_NO_SWAP = (("memory.swap.max", "memory_cgroup_v2"), ("memory.swappiness", "memory_cgroup_v1"))
_ZYGOTE = "zygote"


class Group(NamedTuple):
    """The sidecar's cgroup, and which of its version's files a worker writes to in its own."""

    parent: int
    join: str
    no_swap: str
    layer: str


def enter_for_zygote(path: str) -> Optional[Group]:
    """Move this process into the cgroup `path`, in one of its own; None where it cannot be.

    Not an error: what cannot be had here is missing in the report, and the limit of addresses holds in any case.
    """
    if not path:
        return None
    parent = os.open(path, os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.mkdir(_ZYGOTE, 0o755, dir_fd=parent)
        join = next(filter(None, (_written(parent, _ZYGOTE, file) for file in _JOIN)), "")
        if not join:
            raise FileNotFoundError(path + " is no cgroup")
    except OSError:
        os.close(parent)
        return None
    no_swap = next(((file, layer) for file, layer in _NO_SWAP if _written(parent, _ZYGOTE, file)), ("", _NO_SWAP[0][1]))
    return Group(parent, join, *no_swap)


def apply(group: Optional[Group], number: int) -> Tuple[str, ...]:
    """In worker `number`: move into a cgroup of its own below the group's, and close that; () where there is none."""
    if group is None:
        return ()
    name = str(number)
    os.mkdir(name, 0o755, dir_fd=group.parent)
    _write(group.parent, name, group.join, b"0")
    if group.no_swap:  # a kernel without swap has none
        _write(group.parent, name, group.no_swap, b"0")
    os.close(group.parent)
    return (group.layer,)


def _written(parent: int, name: str, file: str) -> str:
    """`file`, where it is there and 0 could be written to it."""
    try:
        _write(parent, name, file, b"0")
    except FileNotFoundError:
        return ""
    return file


def _write(parent: int, name: str, file: str, data: bytes) -> None:
    descriptor = os.open(name + "/" + file, os.O_WRONLY | os.O_CLOEXEC, dir_fd=parent)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)
