"""What is in the memory of other processes, as the kernel lets their owner read it."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Pages of the kernel's, which it lets nobody copy.
KERNELS = ("[vvar]", "[vvar_vclock]", "[vsyscall]")


def pieces(pid: int) -> Iterator[bytes]:
    """Every mapping that can be read. PermissionError where we may not."""
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines():
            if line.split()[1].startswith("r") and not line.endswith(KERNELS):
                low, high = (int(part, 16) for part in line.split()[0].split("-"))
                memory.seek(low)
                try:
                    yield memory.read(high - low)
                except OSError as error:
                    if error.errno != errno.EIO:  # unmapped since the list was read
                        raise


def found(pids: Iterable[int], texts: dict[str, bytes]) -> set[str]:
    """The names of those texts that are in one of the processes."""
    return {name for pid in pids for piece in pieces(pid) for name, text in texts.items() if text in piece}
