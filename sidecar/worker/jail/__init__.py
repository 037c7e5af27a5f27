"""The jail as one ordered list. Read `Jail.__init__` for what the zygote enters once, `Jail.close` for each worker.

Invariant: `close` returns only when every layer is in force; whatever fails raises LayerError and the worker ends.
The order is the argument: nothing outside is nameable (descriptors, namespaces, mounts), nothing inside can grow
(cgroup, rlimits), the privileges that built this are gone (identity, no_new_privs), and the last two locks, which need
none, close the files (Landlock) and then the kernel itself (seccomp), which also lets none of the above be undone.
"""

import os
import resource
from _socket import socket
from typing import Callable, NamedTuple, Optional, Tuple

from . import (
    cgroups,
    descriptors,
    identity,
    landlock,
    libc,
    mounts,
    namespaces,
    no_new_privs,
    rlimits,
    scratch,
    seccomp,
)
from .policy import NAMESPACES, PROCESS, LayerError, Policy

__all__ = ["Closed", "Jail", "LayerError", "Place", "Policy"]

_WORKERS = 1 << 16


class Place(NamedTuple):
    """What one worker is given: its number among its zygote's, its scratch directory's name, its descriptors."""

    number: int
    scratch: str
    channel: int
    stdout: int
    stderr: int


class Closed(NamedTuple):
    """A jail in force: the names of all that holds it, and where the scratch directory is."""

    layers: Tuple[str, ...]
    scratch: str


class Jail:
    """What a zygote prepares once, so that closing it around a worker takes few calls."""

    def __init__(
        self,
        policy: Policy,
        peer: socket,
        scratch_frame: bytes,
        mounts_frame: bytes,
        look_around: Callable[[], None] = lambda: None,
    ) -> None:
        """Enter the zygote's part of the policy's home. LayerError.

        In the home NAMESPACES this returns in another process than it was called in; `look_around` is called there,
        while the host's files are still to be seen. `peer` is a socket whose descriptor has the channel's number, so
        that a worker finds its channel there. `scratch_frame` is what it sends along with its scratch directory where
        no cgroup counts its memory, `mounts_frame` with its mounts.
        """
        # What a worker has no use for, it should not find: it can read all of its memory.
        self._policy = policy._replace(sidecar_pid=0, without=[], cgroup="")
        self._without = without = frozenset(policy.without)
        self._peer = peer
        self._show = scratch_frame
        self._hold = mounts_frame
        self._own_tree = policy.home == NAMESPACES
        libc.limit_malloc_arenas()
        self._landlock_abi = 0 if "landlock" in without else landlock.abi()
        self._cgroup = None if "cgroup" in without else cgroups.enter_for_zygote(policy.cgroup)
        own_files = self._own_tree and "mounts" not in without
        readable = [*policy.directories, *policy.files]
        spare = identity.spare_ids(policy.first_uid, _WORKERS)
        self._spare_ids = spare if own_files or identity.open_to_all(readable, policy.scratch_root) else None
        self._filter = self._make_filter()
        entered: Tuple[str, ...] = ()
        if self._own_tree:
            entered += namespaces.enter_for_zygote(policy.sidecar_pid, without)
            self._own_pid_namespace = namespaces.own_pid_namespace() if "pid_ns" in entered else -1
            look_around()
            mounts.make_private()
            if own_files:
                entered += mounts.enter_tree(policy)
        else:
            look_around()
            libc.continue_with_parents_death()  # and find the control socket closed, even if it was stopped
            scratch.hold(policy)
            no_new_privs.apply()  # Landlock asks for it
            entered += self._hold_back(policy)
        self._rules = self._make_rules()
        self._ruleset: Optional[int] = None
        self._has_user_namespace = "user_ns" in entered
        self._has_pid_namespace = "pid_ns" in entered
        self._pid = os.getpid()
        self._ceiling, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._limits: Optional[rlimits.Limits] = None
        if "rlimits" not in without:
            rlimits.enter_for_zygote(policy)
            self._limits = rlimits.Limits(policy)
        self._locks_securebits = identity.may_lock_securebits()
        if "identity" not in without:
            identity.drop_bounding_set()
        self.entered = entered

    @property
    def numbers(self) -> int:
        """How many workers can be told apart: their numbers are below it."""
        return self._spare_ids.size if self._spare_ids else _WORKERS

    @property
    def has_cgroup(self) -> bool:
        """Whether each worker has a cgroup of its own."""
        return self._cgroup is not None

    def before_fork(self) -> None:
        """In the zygote: the next fork's child begins in a PID namespace of its own, and finds its ruleset made."""
        if self._rules is not None:
            self._ruleset = self._rules.ruleset()
        if self._has_pid_namespace:
            namespaces.prepare_child()

    def after_fork(self) -> None:
        """In the zygote: undo `before_fork`, so that it can be called again."""
        if self._ruleset is not None:
            os.close(self._ruleset)
            self._ruleset = None
        if self._has_pid_namespace:
            namespaces.after_fork(self._own_pid_namespace)

    def close(self, place: Place) -> Closed:
        """In a worker: put every layer in force, in order. LayerError."""
        policy, without = self._policy, self._without
        uid, gid = self._identity(place.number)
        layers = self.entered
        kept = [] if self._cgroup is None else [self._cgroup.parent]
        if self._ruleset is not None:
            kept.append(self._ruleset)
        try:
            layers += descriptors.apply(place.channel, place.stdout, place.stderr, kept, self._ceiling)
            layers += self._own_view(place.scratch, uid, gid)
            layers += cgroups.apply(self._cgroup, place.number)
            if self._has_user_namespace:
                layers += namespaces.apply_user()
                uid, gid = os.geteuid(), os.getegid()
                identity.drop_bounding_set()
            counted_apart = "worker_user_ns" in layers or uid != os.geteuid()
            if self._limits is not None:
                layers += self._limits.apply(counted_apart=counted_apart)
            if "identity" not in without:
                layers += identity.apply(uid, gid, locks_securebits=self._locks_securebits)
            if not self._has_pid_namespace:
                # A PID namespace would end with its zygote; here each worker has to ask for it.
                libc.die_with_parent(self._pid)
            layers += no_new_privs.apply()
            home = mounts.SCRATCH if self._own_tree else scratch.path_of(policy, place.scratch)
            if self._rules is not None:
                if self._ruleset is None:
                    raise OSError("no Landlock ruleset was made before the fork")
                layers += self._rules.apply(self._ruleset, home)
            layers += self._filter_calls()
        except OSError as error:
            last = layers[-1] if layers else "the start"
            raise LayerError("after " + last, str(error), "run `pyrunner-sidecar doctor`") from None
        return Closed(layers, home)

    def _hold_back(self, policy: Policy) -> Tuple[str, ...]:
        """Among the host's files: Landlock for the zygote and all that it forks."""
        try:
            return landlock.enter_for_zygote(policy, self._landlock_abi)
        except LayerError:
            if policy.home != PROCESS:
                raise
            self._landlock_abi = 0
            return ()

    def _make_rules(self) -> Optional[landlock.Rules]:
        if not self._landlock_abi:
            return None
        try:
            return landlock.Rules(self._policy, self._landlock_abi)
        except OSError as error:
            raise LayerError("landlock", str(error), "run `pyrunner-sidecar doctor`") from None

    def _own_view(self, scratch_name: str, uid: int, gid: int) -> Tuple[str, ...]:
        """What this worker alone sees of processes and files."""
        if not self._own_tree:
            return scratch.apply(self._policy, scratch_name, uid, gid)
        entered = ("worker_pid_ns",) if self._has_pid_namespace else ()
        view = entered + namespaces.apply(self._without) + mounts.apply(self._policy, uid, gid)
        held = namespaces.own_mounts()
        if held is not None:
            descriptors.hand_over(self._peer, self._hold, held)
        if self._cgroup is None:
            descriptors.show_scratch(self._peer, self._show)
        return view

    def _identity(self, number: int) -> Tuple[int, int]:
        ids = self._spare_ids
        if ids is None or self._has_user_namespace or "identity" in self._without:
            return os.geteuid(), os.getegid()
        # Reused only when its worker is dead, so that no two ever share one.
        return ids.first_uid + number % ids.size, ids.first_gid + number % ids.size

    def _make_filter(self) -> Optional[seccomp.Filter]:
        if "seccomp" in self._without:
            return None
        try:
            return seccomp.Filter(among_others=not self._own_tree)
        except OSError:
            if self._policy.home == PROCESS:
                return None
            raise

    def _filter_calls(self) -> Tuple[str, ...]:
        if self._filter is None:
            return ()
        try:
            return self._filter.apply(os.getpid())
        except OSError:
            if self._policy.home == PROCESS:
                return ()
            raise
