"""What the kernel says of memory: how much there is to give, and how much this process holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_MIB = 1024 * 1024
_CGROUP_ROOT = Path("/sys/fs/cgroup")


def available_mb() -> int:
    """Return `MemAvailable` (proc_meminfo(5)), or the limit of a cgroup that we are in where that is less, in MiB.

    A cgroup's limit and not what is left of it: page cache counts as used there and is given back when it is needed.
    """
    limits = [_field("/proc/meminfo", "MemAvailable"), *_cgroup_limits()]
    return min((limit for limit in limits if limit > 0), default=0) // _MIB


def resident_bytes() -> int:
    """Return this process's resident memory, or 0 where the kernel does not say."""
    return _field("/proc/self/status", "VmRSS")


def _field(path: str, name: str) -> int:
    for line in _read(path).splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0


def _cgroup_limits() -> Iterator[int]:
    """Of our own cgroup and of each one above it; "max" in v2 and nearly 2**63 in v1 mean none."""
    for line in _read("/proc/self/cgroup").splitlines():
        _, controllers, own = line.split(":", 2)
        if controllers == "":
            root, name = _CGROUP_ROOT, "memory.max"
        elif "memory" in controllers.split(","):
            root, name = _CGROUP_ROOT / "memory", "memory.limit_in_bytes"
        else:
            continue
        group = root / own.lstrip("/")
        for place in (group, *group.parents):
            if place.is_relative_to(root):
                limit = _read(place / name).strip()
                yield int(limit) if limit.isdigit() else 0


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
