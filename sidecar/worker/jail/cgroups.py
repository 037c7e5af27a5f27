"""A memory cgroup for each worker: a cap over all that the kernel holds for it, files in its scratch directory too.

cgroup-v1/memory, cgroup-v2 (kernel documents). Each worker makes a cgroup of its own in the sidecar's and moves itself
there; the sidecar, which sees the file system, sets the limit when the call comes, reads the peak and removes it.
"""

import os
from typing import Optional, Tuple

# Moving a process takes a lock of the whole machine, 10 ms of waiting; v1 can move one thread without it, and a worker
# has only one.
_JOIN = ("tasks", "cgroup.procs")
# v2 and v1: pages over the limit are not to be moved to swap, where they would count no more.
_NO_SWAP = (("memory.swap.max", "memory_cgroup_v2"), ("memory.swappiness", "memory_cgroup_v1"))
_ZYGOTE = "zygote"


def enter_for_zygote(path: str) -> Optional[int]:
    """Move this process into the cgroup `path`, in one of its own; a descriptor of `path`, or None where it cannot be.

    Not an error: what cannot be had here is missing in the report, and the limit of addresses holds in any case.
    """
    if not path:
        return None
    parent = os.open(path, os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _join(parent, _ZYGOTE)
    except OSError:
        os.close(parent)
        return None
    return parent


def apply(parent: Optional[int], number: int) -> Tuple[str, ...]:
    """In worker `number`: move into a cgroup of its own below `parent`, and close that; () where there is none."""
    if parent is None:
        return ()
    name = str(number)
    _join(parent, name)
    layer = "memory_cgroup_v2"
    for file, layer_of_file in _NO_SWAP:
        try:
            _write(parent, name, file, b"0")
        except FileNotFoundError:
            continue  # of the other version, or of a kernel without swap
        layer = layer_of_file
        break
    os.close(parent)
    return (layer,)


def _join(parent: int, name: str) -> None:
    os.mkdir(name, 0o755, dir_fd=parent)
    for file in _JOIN:
        try:
            _write(parent, name, file, b"0")
        except FileNotFoundError:
            continue  # v2 has no tasks
        return


def _write(parent: int, name: str, file: str, data: bytes) -> None:
    descriptor = os.open(name + "/" + file, os.O_WRONLY | os.O_CLOEXEC, dir_fd=parent)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)
