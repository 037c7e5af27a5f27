"""A scratch directory where nothing can be mounted: one of the worker's own on the host's disk.

Invariant: its name is not to be guessed and nobody else may enter it. There is no quota in the kernel for it:
RLIMIT_FSIZE bounds each file, and the sidecar watches the sum and removes what is left.
"""

import fcntl
import os
from typing import Tuple

from .policy import Policy


def hold(policy: Policy) -> None:
    """In the zygote: share the lock on `scratch_root`, so that nobody sweeps it while a worker can write there."""
    fcntl.flock(os.open(policy.scratch_root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), fcntl.LOCK_SH)


def path_of(policy: Policy, name: str) -> str:
    """Where the worker's directory `name` lies."""
    return policy.scratch_root + "/" + name


def apply(policy: Policy, name: str, uid: int, gid: int) -> Tuple[str, ...]:
    """In the worker: make `name` below the policy's `scratch_root`, its owner's alone, and stand in it."""
    path = path_of(policy, name)
    os.mkdir(path, 0o700)
    if uid != os.geteuid():
        os.chown(path, uid, gid)
    os.chdir(path)
    return ("scratch_on_disk",)
