"""What a zygote's workers use outside of it, and who counts that: memory cgroups, scratch directories on disk.

Invariant: whatever is made here for a worker is gone soon after its end, and all of it when the zygote is.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from sidecar.errors import SandboxUnavailable
from sidecar.runner import cgroups
from sidecar.runner.cgroups import Spent
from sidecar.runner.locked import LockedDirectory
from sidecar.runner.mount_namespaces import HeldMounts
from sidecar.runner.removals import Removals
from sidecar.worker.removal import remove

if TYPE_CHECKING:
    import asyncio

    from sidecar.config import Config

log = logging.getLogger(__name__)

# The loader's list of libraries (a tree of our own has links instead), and what a module of the standard library reads
# if it is there, and fails if it may not.
_HOST_FILES = ("/etc/ld.so.cache", "/etc/mime.types")
_CGROUP_FIX = "give the sidecar's user a cgroup with `memory` among its controllers, or set PYRUNNER_CGROUP=auto"
_SCRATCH_FIX = "set PYRUNNER_SCRATCH_DIR to a directory that the sidecar may write to"


class Resources:
    """Made for one zygote, before it is started; close it when its workers are dead."""

    def __init__(self, config: Config, *, own_tree: bool) -> None:
        """`own_tree`: workers mount their scratch directories themselves. `SandboxUnavailable` without a place."""
        self._mounts = HeldMounts()
        self._removals = Removals()
        self._scratch: LockedDirectory | None = None
        if not own_tree:
            parent = config.scratch_dir
            try:
                parent = parent or tempfile.gettempdir()
                self._scratch = LockedDirectory(os.path.realpath(parent), 0o711, remove)
            except OSError as error:
                missing = {
                    "layer": "scratch_on_disk",
                    "reason": f"{parent}: {error.strerror}" if parent else str(error.strerror),
                    "fix": _SCRATCH_FIX,
                }
                raise SandboxUnavailable(f"No place for scratch directories: {error}.", missing=[missing]) from error
        self.files = () if own_tree else tuple(path for path in _HOST_FILES if Path(path).exists())
        self._asked_cgroup = config.cgroup if config.cgroup.startswith("/") else ""
        self._cgroup, reason = cgroups.find(config.cgroup)
        if self._cgroup is None:
            self._without_cgroup(reason)

    @property
    def cgroup_path(self) -> str:
        """Where workers make their cgroups; "" where they have none."""
        return self._cgroup.path if self._cgroup else ""

    @property
    def scratch_root(self) -> str:
        """Where workers make their scratch directories; "" where they mount them."""
        return self._scratch.path if self._scratch else ""

    def confirm(self, *, has_cgroup: bool) -> None:
        """The zygote is up: whether it could enter its cgroup. `SandboxUnavailable` where the host has named that."""
        if self._cgroup is not None and not has_cgroup:
            reason = f"{self._cgroup.path} cannot be entered"
            self._cgroup.close()
            self._cgroup = None
            self._without_cgroup(reason)

    def _without_cgroup(self, reason: str) -> None:
        log.info("no memory cgroup: %s", reason)
        if self._asked_cgroup:
            # One that was named is no wish but a floor.
            self.close()
            missing = {"layer": "memory_cgroup", "reason": reason, "fix": _CGROUP_FIX}
            raise SandboxUnavailable(f"PYRUNNER_CGROUP cannot be used: {reason}.", missing=[missing])

    def sweep(self) -> None:
        """Remove the scratch directories of sidecars that were killed, for as long as that takes."""
        if self._scratch is not None:
            with contextlib.suppress(OSError):
                self._scratch.sweep()

    @property
    def leftovers(self) -> int:
        """Of how many dead workers something is still there, which goes when nobody waits for a reply."""
        return self._mounts.kept + self._removals.pending + (len(self._cgroup.dead) if self._cgroup else 0)

    def is_taken(self, number: int) -> bool:
        """Whether what a dead worker of this number had is still there."""
        return self._cgroup is not None and number in self._cgroup.dead

    def share(self, number: int) -> Share:
        """Worker `number`'s."""
        return Share(number, self._cgroup, self.scratch_root, self._mounts, self._removals)

    def stop(self) -> None:
        """The zygote is dead: `close`, which takes a while, comes next and in a thread."""
        self._mounts.stop()

    def close(self) -> None:
        """Remove all of it."""
        for one in (self._mounts, self._scratch, self._cgroup):
            if one is not None:
                one.close()


class Share:
    """One worker's cgroup, scratch directory and mounts."""

    def __init__(
        self,
        number: int,
        cgroup: cgroups.MemoryCgroup | None,
        scratch_root: str,
        mounts: HeldMounts,
        removals: Removals,
    ) -> None:
        self._number = number
        self._cgroup = cgroup
        self._mounts = mounts
        self._removals = removals
        self._removing: asyncio.Future[None] | None = None
        self._held: int | None = None
        # Not to be guessed: another worker may have the same uid.
        self.scratch_name = secrets.token_hex(16) if scratch_root else ""
        self.scratch_path = f"{scratch_root}/{self.scratch_name}" if scratch_root else ""
        self._shown: int | None = None
        self._left_bytes = 0
        self._memory_max_bytes = -1

    @property
    def counts_memory(self) -> bool:
        """Whether the kernel holds it to a limit of memory."""
        return self._cgroup is not None

    def limit_memory(self, max_bytes: int) -> None:
        """Before the call is sent, or ahead of it with what it will most likely be."""
        if self._cgroup is not None and max_bytes != self._memory_max_bytes:
            self._cgroup.limit(self._number, max_bytes)
            self._memory_max_bytes = max_bytes

    def hold_mounts(self, descriptor: int) -> None:
        """Keep the descriptor of the worker's mount namespace until it is dead."""
        self._held = descriptor

    def show_scratch(self, descriptor: int) -> None:
        """Keep the descriptor by which the worker shows its scratch directory, where no cgroup counts that."""
        self._shown = descriptor

    @property
    def scratch_bytes(self) -> int:
        """What lies in the scratch directory that was shown: memory, since it is a tmpfs."""
        if self._shown is None:
            return 0
        about = os.fstatvfs(self._shown)
        return (about.f_blocks - about.f_bfree) * about.f_frsize

    def finish(self, *, had_answered: bool) -> Spent:
        """The worker is dead: what it took."""
        if self._cgroup is None:
            spent = Spent(left_bytes=self.scratch_bytes)
        else:
            spent = self._cgroup.finish(self._number, had_answered=had_answered)
        self._left_bytes = spent.left_bytes
        return spent

    def remove_cgroup(self) -> None:
        """Once it is `finish`ed, when nobody waits for it."""
        if self._cgroup is not None:
            self._cgroup.remove_dead()

    def begin_removal(self) -> None:
        """The worker is dead: remove its directory, where it has one on disk."""
        if self.scratch_path:
            self._removing = self._removals.begin(self.scratch_path)

    async def removed(self) -> None:
        """Wait for that, as long as a reply should."""
        if self._removing is not None:
            await self._removals.wait(self._removing)

    def close(self) -> asyncio.Future[None] | None:
        """Let go of what the worker has shown: its files are freed with the last descriptor.

        What to wait for until they are, None where that is not worth it.
        """
        if self._shown is not None:
            os.close(self._shown)
            self._shown = None
        if self._held is not None:
            held, self._held = self._held, None
            return self._mounts.release(held, self._left_bytes)
        return None
