"""How a worker's process ended: the kernel's word, by way of the zygote that reaped it."""

from __future__ import annotations

import signal
from typing import NamedTuple

from sidecar.runner.cgroups import Spent


class Ended(NamedTuple):
    """`status` is as of wait(2), and None where the zygote died with the process; then the rest is not known either."""

    status: int | None
    cpu_us: int
    max_rss_kb: int
    spent: Spent = Spent()

    @property
    def was_killed(self) -> bool:
        """Whether that was somebody else's doing: its zygote's end, or a SIGKILL that is no memory cgroup's."""
        return self.status is None or (self.status & 0x7F == signal.SIGKILL and not self.spent.oom_killed)


LOST = Ended(None, 0, 0)
