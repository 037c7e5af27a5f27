"""Removing a directory that somebody hostile has filled: any depth, any modes, any names, no link followed.

Invariant: nothing outside the directory is touched, one descriptor is open at a time and no path ever gets long. Only
for a tree that nobody can write to any more.
"""

import contextlib
import errno
import os
from typing import List, Optional

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


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
    os.chmod(path, 0o700)
    here = os.open(path, _DIRECTORY)
    above: List[str] = []  # the names by which we came down
    try:
        while True:
            name = _remove_files(here)
            if name is not None:
                os.chmod(name, 0o700, dir_fd=here)
                here = _go(here, name)
                above.append(name)
            elif above:
                here = _go(here, "..")
                os.rmdir(above.pop(), dir_fd=here)
            else:
                return
    finally:
        os.close(here)


def _go(here: int, name: str) -> int:
    there = os.open(name, _DIRECTORY, dir_fd=here)
    os.close(here)
    return there


def _remove_files(here: int) -> Optional[str]:
    """Remove what is no directory until there is one: its name, or None where there is none left."""
    with os.scandir(here) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                return entry.name
            os.unlink(entry.name, dir_fd=here)
    return None
