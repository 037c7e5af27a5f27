"""Compiled code by content: compiled once in a worker of its own, off the path, and sent along with later calls.

The key is all that the bytes depend on: the interpreter, the name in tracebacks, the source. They come from a worker
that has seen the source and nothing else, no arguments above all, so no call can leave anything in them for another.
Invariant: they are bytes to the sidecar, never loaded here, and what is kept is bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

_MAX_BYTES = 64 * 1024 * 1024
_MAX_ENTRIES = 65_536
# What an entry takes beside its texts.
_ENTRY_BYTES = 256


class Key(NamedTuple):
    """What compiled code depends on."""

    executable: str
    version: tuple[int, ...]
    tool_id: str | None
    code: str


class CodeCache:
    """Least recently used first out."""

    def __init__(self, max_bytes: int = _MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        # None: seen once, which is no reason to compile it apart.
        self._entries: OrderedDict[Key, bytes | None] = OrderedDict()

    def get(self, key: Key) -> bytes:
        """What was put, or nothing."""
        found = self._entries.get(key)
        if found is None:
            return b""
        self._entries.move_to_end(key)
        return found

    def has_seen(self, key: Key) -> bool:
        """Whether a call has asked for it before, whatever it got."""
        return key in self._entries

    def is_wanted(self, key: Key) -> bool:
        """Whether this is the second call without it: most inline code comes once. True once for each key."""
        if key not in self._entries:
            self._keep(key, None)
            return False
        if self._entries[key] is not None:
            return False
        self._keep(key, b"")
        return True

    def put(self, key: Key, compiled: bytes) -> None:
        """Keep what a worker has compiled; nothing where it could not."""
        self._keep(key, compiled)

    def postpone(self, key: Key) -> None:
        """It cannot be compiled now: the next call may ask again."""
        self._keep(key, None)

    def _keep(self, key: Key, compiled: bytes | None) -> None:
        if key in self._entries:
            self._bytes -= _size(key, self._entries.pop(key))
        self._entries[key] = compiled
        self._bytes += _size(key, compiled)
        while self._entries and (self._bytes > self._max_bytes or len(self._entries) > _MAX_ENTRIES):
            oldest, forgotten = self._entries.popitem(last=False)
            self._bytes -= _size(oldest, forgotten)


def _size(key: Key, compiled: bytes | None) -> int:
    # A character may take four bytes; texts are counted as they come mostly.
    return len(key.code) + len(compiled or b"") + _ENTRY_BYTES
