"""Whether the interpreter that was started is still the one on disk.

A zygote keeps its executable in memory, but its workers read the standard library from disk as they import it: half of
an old Python and half of a new one must not meet in a call. What an upgrade changes is looked at once a second at most.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.runner.interpreter import Interpreter

LOOK_S = 1.0

# Of a file, or None where there is none.
_Mark = tuple[int, ...] | None


class Marks:
    """What stat(2) says of an interpreter's path, executable and library, from the moment that it was found."""

    def __init__(self, interpreter: Interpreter, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        library = (os.path.join(directory, "os.py") for directory in interpreter.tree["directories"])  # noqa: PTH118 - seldom, and as text
        self._seen = {path: _mark(path) for path in (interpreter.path, interpreter.executable, *library)}
        self._look_at = clock() + LOOK_S

    def have_changed(self) -> bool:
        """Whether one of them is another file now, or gone; False, without a look, within a second of the last one."""
        now = self._clock()
        if now < self._look_at:
            return False
        self._look_at = now + LOOK_S
        return any(_mark(path) != seen for path, seen in self._seen.items())


def _mark(path: str) -> _Mark:
    try:
        about = os.stat(path)  # noqa: PTH116 - the target's, wherever a link leads
    except OSError:
        return None
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns
