"""The jail as one ordered list. Read `Jail.__init__` for what the zygote enters once, `Jail.close` for each worker.

Invariant: `close` returns only when every layer is in force; whatever fails raises LayerError and the worker ends.
The order is the argument: nothing outside is nameable (descriptors, namespaces, mounts), nothing inside can grow
(rlimits), the privileges that built this are gone (identity, no_new_privs), and the last two locks, which need none,
close the files (Landlock) and then the kernel itself (seccomp), which also lets none of the above be undone.
"""

import os
from typing import Tuple

from . import descriptors, identity, landlock, libc, mounts, namespaces, no_new_privs, rlimits, seccomp
from .policy import LayerError, Policy

__all__ = ["Jail", "LayerError", "Policy"]


_UIDS = 1 << 16


class Jail:
    """What a zygote prepares once, so that closing it around a worker takes few calls."""

    def __init__(self, policy: Policy) -> None:
        """Enter the zygote's namespaces and tree: returns in another process than it was called in. LayerError."""
        # What a worker has no use for, it should not find: it can read all of its memory.
        self._policy = policy._replace(sidecar_pid=0)
        libc.limit_malloc_arenas()
        entered = namespaces.enter_for_zygote(policy.sidecar_pid)
        self._own_pid_namespace = namespaces.own_pid_namespace()
        self._landlock_abi = landlock.abi()
        entered += mounts.enter_tree(policy)
        self._has_user_namespace = "user_ns" in entered
        identity.drop_bounding_set()
        self._filter = seccomp.Filter(pid=1)
        self.entered = entered

    def before_fork(self) -> None:
        """In the zygote: the next fork's child begins in a PID namespace of its own."""
        namespaces.prepare_child()

    def after_fork(self) -> None:
        """In the zygote: undo `before_fork`, so that it can be called again."""
        namespaces.after_fork(self._own_pid_namespace)

    def close(self, number: int, channel: int, stdout: int, stderr: int) -> Tuple[str, ...]:
        """In worker `number`: put every layer in force, in order; the names of all that hold it. LayerError."""
        policy = self._policy
        uid, gid = self._identity(number)
        layers = self.entered
        try:
            layers += descriptors.apply(channel, stdout, stderr, policy.max_open_files)
            layers += namespaces.apply()
            layers += mounts.apply(policy, uid, gid)
            if self._has_user_namespace:
                layers += namespaces.apply_user()
                uid, gid = os.geteuid(), os.getegid()
                identity.drop_bounding_set()
            counted_apart = not self._has_user_namespace or "worker_user_ns" in layers
            layers += rlimits.apply(policy, counted_apart=counted_apart)
            layers += identity.apply(uid, gid)
            layers += no_new_privs.apply()
            layers += landlock.apply(policy, mounts.SCRATCH, self._landlock_abi)
            layers += self._filter.apply()
        except OSError as error:
            last = layers[-1]
            raise LayerError("after " + last, str(error), "run `pyrunner-sidecar doctor`") from None
        return layers

    def _identity(self, number: int) -> Tuple[int, int]:
        if self._has_user_namespace:
            return os.geteuid(), os.getegid()
        # Reused only after more calls than can be alive at once, so that no two workers ever share one.
        uid = self._policy.first_uid + number % _UIDS
        return uid, uid
