"""Directories that belong to a living sidecar: locked while it lives, swept by the next one when it was killed.

Invariant: only a directory whose lock is free is ever removed, and the lock is the kernel's (flock(2)), so that a
number which another process got meanwhile cannot mislead anybody. Whoever may still write to one shares the lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PREFIX = "pyrunner-"
_ATTEMPTS = 8


class LockedDirectory:
    """A new directory below `parent`; `remove` takes away a directory of its kind with all that is in it."""

    def __init__(self, parent: str, mode: int, remove: Callable[[str], None]) -> None:
        """Make it. OSError."""
        self._parent = parent
        self._remove = remove
        for _ in range(_ATTEMPTS):
            path = f"{parent.rstrip('/')}/{_PREFIX}{secrets.token_hex(8)}"
            Path(path).mkdir(mode=mode)
            Path(path).chmod(mode)  # whatever the umask
            lock = _lock(path, fcntl.LOCK_SH)
            if lock is not None:
                break
        else:
            raise FileExistsError(f"{parent}: a directory made here is taken away at once")
        self.path = path
        self._lock = lock

    def sweep(self) -> None:
        """Remove what the dead have left beside it, for as long as that takes."""
        _sweep(self._parent, self._remove)

    def close(self) -> None:
        """Remove it; what cannot be removed now is left for the next sweep."""
        lock, self._lock = self._lock, -1  # at once: it may be closed from two threads
        if lock >= 0:
            with contextlib.suppress(OSError):
                self._remove(self.path)
            os.close(lock)


def _sweep(parent: str, remove: Callable[[str], None]) -> None:
    for entry in os.scandir(parent):
        if not entry.name.startswith(_PREFIX) or not entry.is_dir(follow_symlinks=False):
            continue
        with contextlib.suppress(OSError):
            if entry.stat(follow_symlinks=False).st_uid == os.geteuid():
                lock = _lock(entry.path, fcntl.LOCK_EX)
                if lock is not None:
                    remove(entry.path)
                    os.close(lock)


def _lock(path: str, kind: int) -> int | None:
    """Hold the directory; None where somebody else does, or has swept it between its making and its locking."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        if os.path.samestat(Path(path).lstat(), os.fstat(descriptor)):
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None
