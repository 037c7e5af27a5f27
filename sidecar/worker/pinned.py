"""Pages that every worker writes to at once, copied by the fork itself. It saves time and protects nothing.

A fork shares each page until one side writes to it, and an interpreter writes to some hundreds as soon as it runs, at
the price of a fault each. A page that is pinned for a device is copied while forking instead (Linux 5.10, "do early cow
for pinned pages"), for half of that, and stays its owner's, so that the zygote has no fault either. Any process can pin
its own memory: as the registered buffers of an io_uring (io_uring_register(2)), with which nothing else is ever done.
Invariant: where that is refused (no io_uring, no memory to lock) nothing is different but the time.
"""

import os
import struct
from typing import Iterator, List, Tuple

from .jail import libc

_ENTRY = struct.Struct("=Q")
# Bits of an entry, kernel document admin-guide/mm/pagemap: mapped by nobody else; of a file or shared; in memory.
_ALONE, _OF_FILE, _PRESENT = 1 << 56, 1 << 61, 1 << 63
_REGISTER_BUFFERS = 0
_BUFFERS_MAX = 1 << 14
# Twice what a worker writes to. More means that the last one has just died, and nothing can be seen.
_BYTES_MAX = 5 << 20
_PARAMETERS_BYTES = 120


# After so many forks: the interpreter goes on to specialise code, and the first look may have come too early.
_TURNS = (1, 16, 128, 1024)
_OVERDUE_FORKS = 32


class Pages:
    """This process's own pages. Made while there is a /proc; `pin` is for when all of its workers are ready."""

    def __init__(self) -> None:
        self._turns = list(_TURNS)
        self._ring = -1
        self._page_bytes = os.sysconf("SC_PAGE_SIZE")
        self._pagemap = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
            self._areas = [_bounds(line) for line in maps if line.split()[1] == "rw-p"]

    def is_due(self, forks: int) -> bool:
        """Whether `pin` would help after so many forks, at a moment when nobody waits."""
        return bool(self._turns) and forks >= self._turns[0]

    def is_overdue(self, forks: int) -> bool:
        """Whether there has been no such moment for long."""
        return self.is_due(forks - _OVERDUE_FORKS)

    def pin(self) -> None:
        """Pin what this process has for itself by now: since their fork, all of its workers have copied that."""
        del self._turns[0]
        found = list(self._alone())
        if sum(end - start for start, end in found) > _BYTES_MAX or len(found) > _BUFFERS_MAX:
            return
        ring = -1
        try:
            ring = libc.system_call("io_uring_setup", 1, bytes(_PARAMETERS_BYTES))
            buffers = b"".join(struct.pack("=QQ", start, end - start) for start, end in found)
            libc.system_call("io_uring_register", ring, _REGISTER_BUFFERS, buffers, len(found))
        except OSError:
            if ring >= 0:
                os.close(ring)
            return
        if self._ring >= 0:
            os.close(self._ring)
        self._ring = ring

    def _alone(self) -> Iterator[Tuple[int, int]]:
        for start, end in self._areas:
            entries = self._entries(start, end)
            first = None
            for at, entry in enumerate(entries):
                is_alone = entry & (_PRESENT | _OF_FILE | _ALONE) == _PRESENT | _ALONE
                if is_alone and first is None:
                    first = at
                elif not is_alone and first is not None:
                    yield start + first * self._page_bytes, start + at * self._page_bytes
                    first = None
            if first is not None:
                yield start + first * self._page_bytes, start + len(entries) * self._page_bytes

    def _entries(self, start: int, end: int) -> List[int]:
        size = (end - start) // self._page_bytes * _ENTRY.size
        data = os.pread(self._pagemap, size, start // self._page_bytes * _ENTRY.size)
        return [entry for (entry,) in _ENTRY.iter_unpack(data)]


def _bounds(line: str) -> Tuple[int, int]:
    start, end = line.split(maxsplit=1)[0].split("-")
    return int(start, 16), int(end, 16)
