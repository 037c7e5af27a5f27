"""Removing a directory that somebody hostile has filled: any depth, any modes, any names, no link followed.

Invariant: nothing outside the directory is touched, even if its maker is still alive: a step back up leads to where we
came from or ends the removal. One descriptor is open at a time, and no path ever gets long.
"""

import contextlib
import errno
import os
from typing import List, NamedTuple, Optional, Tuple

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class _Level(NamedTuple):
    """A step down: the name that was taken, and the device and inode of where it was taken."""

    name: str
    parent: Tuple[int, int]


def remove(path: str) -> None:
    """Remove the directory `path` with all that is in it. OSError where something cannot be removed.

    Others of ours may be removing parts of it at the same time.
    """
    while True:
        try:
            os.rmdir(path)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
        else:
            return
        with contextlib.suppress(FileNotFoundError):
            _empty(path)


def _empty(path: str) -> None:
    here = _open(path, None)
    above: List[_Level] = []
    try:
        while True:
            name = _remove_files(here)
            if name is not None:
                above.append(_Level(name, _identity(here)))
                here = _go(here, name)
            elif above:
                level = above.pop()
                here = _go(here, "..")
                if _identity(here) != level.parent:
                    # Somebody is alive and has moved what we stand in: nothing here is known to be ours.
                    raise OSError(errno.ESTALE, "the tree is being changed", path)
                os.rmdir(level.name, dir_fd=here)
            else:
                return
    finally:
        os.close(here)


def _go(here: int, name: str) -> int:
    there = _open(name, here)
    os.close(here)
    return there


def _open(name: str, parent: Optional[int]) -> int:
    try:
        return os.open(name, _DIRECTORY, dir_fd=parent)
    except PermissionError:
        # A mode that shuts even its owner out; changed through a descriptor, so that no link is followed.
        closed = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            os.chmod("/proc/self/fd/%d" % closed, 0o700)
        finally:
            os.close(closed)
        return os.open(name, _DIRECTORY, dir_fd=parent)


def _identity(directory: int) -> Tuple[int, int]:
    status = os.fstat(directory)
    return status.st_dev, status.st_ino


def _remove_files(here: int) -> Optional[str]:
    """Remove what is no directory until there is one: its name, or None where there is none left."""
    with os.scandir(here) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                return entry.name
            os.unlink(entry.name, dir_fd=here)
    return None
