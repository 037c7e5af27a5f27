"""What one sidecar holds of the machine while nothing runs, so that a test can compare before and after."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from processes import resident_kb

if TYPE_CHECKING:
    from sidecar_process import Sidecar

_CGROUP_ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Footprint:
    """Counts of what must not grow, and the memory of the sidecar and its zygote."""

    descriptors: tuple[int, ...]
    processes: int
    mounts: tuple[int, ...]
    cgroups: int
    files: tuple[str, ...]
    sidecar_kb: int
    zygote_kb: int

    @classmethod
    def of(cls, sidecar: Sidecar, folder: Path, standby: int) -> Footprint:
        """Measure when nothing runs and `standby` workers stand by; `folder` is where its temporary files would be."""
        sidecar.settle(standby)
        (zygote,) = sidecar.zygotes()
        pids = (sidecar.pid, zygote.parent, zygote.pid)
        readable = [pid for pid in pids if os.access(f"/proc/{pid}/fd", os.R_OK)]
        return cls(
            descriptors=tuple(len(os.listdir(f"/proc/{pid}/fd")) for pid in readable),  # noqa: PTH208 - only their number
            processes=len(sidecar.processes()),
            mounts=tuple(len(Path(f"/proc/{pid}/mounts").read_text(encoding="utf-8").splitlines()) for pid in readable),
            cgroups=len(_cgroups(zygote.pid)),
            files=tuple(sorted(str(path) for path in folder.rglob("*"))),
            sidecar_kb=resident_kb(sidecar.pid),
            zygote_kb=resident_kb(zygote.pid),
        )

    def assert_not_above(self, before: Footprint, *, slack_kb: int = 4096, slack_descriptors: int = 0) -> None:
        """Compare with what was measured `before`: nothing is more than that and its slack.

        A standby worker has, or has not yet, had its limit set ahead, which is a descriptor each.
        """
        for now, then in zip(self.descriptors, before.descriptors, strict=True):
            assert now <= then + slack_descriptors, (self, before)
        assert self.processes == before.processes
        assert self.mounts == before.mounts
        assert self.cgroups == before.cgroups
        assert self.files == before.files == ()
        assert self.sidecar_kb <= before.sidecar_kb * 1.1 + slack_kb
        assert self.zygote_kb <= before.zygote_kb * 1.1 + slack_kb


def _cgroups(zygote_pid: int) -> list[Path]:
    """The cgroups of the zygote's workers: below the one that holds itself, in the memory hierarchy."""
    for line in Path(f"/proc/{zygote_pid}/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if "pyrunner-" in path:
            mounted = (_CGROUP_ROOT, _CGROUP_ROOT / "unified", _CGROUP_ROOT / controllers)
            places = [root / path.lstrip("/") for root in mounted]
            own = next(place for place in places if place.is_dir())
            top = next(place for place in (own, *own.parents) if place.name.startswith("pyrunner-"))
            return [entry for entry in top.iterdir() if entry.is_dir()]
    return []
