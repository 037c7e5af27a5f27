"""The layers that a case can name: those that can be left out, to prove what the others hold, and those that cannot.

Invariant: what is in force is read from a worker's own report, so that a layer which this machine lacks counts as one
that was left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.worker.jail.policy import NAMESPACES, REMOVABLE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

HOME, NEVER = "home", "never"

# What `--without` can name; without `namespaces` the jail stands in its second home.
LEAVABLE = frozenset({NAMESPACES, *REMOVABLE})

# A case may name a part of a layer, since the whole can be in force without it: each with the layer it belongs to.
PARTS = {
    "own_uid": "identity",  # a uid that nobody else has: only for root, with an interpreter that others can read
    "threads": "rlimits",  # the limit of threads: only where this worker's are counted apart from all others of its uid
    "landlock_abi4": "landlock",  # TCP
    "landlock_abi6": "landlock",  # signals and abstract sockets
}

# The layers that no test can leave out, and why; a case that names one is not expected to succeed without the others.
FIXED = {
    "descriptors": "a worker whose descriptors are not put in place has no channel to answer by",
    "scratch": "a worker has to stand in some directory, and every one has a quota or is watched",
    "no_new_privs": "without it the kernel refuses the filter and Landlock to anybody but root",
    "fork": "a process for each call, of a zygote that never held one, is how a call is run at all",
    "sidecar": "the deadline, the bounded readers and the watchdogs are the other side of the conversation",
    HOME: "the host's own names of things are hidden by namespaces that are never left out one by one",
    NEVER: "the note in the case says what keeps it from being tried with nothing in its way",
}

NAMES = frozenset({*REMOVABLE, *PARTS, *FIXED})

_ABI = "landlock_abi"
_REPORTED_AS = {"mounts": {"pivot_root"}, "cgroup": {"memory_cgroup_v1", "memory_cgroup_v2"}}
_COUNTED_APART = {"own_uid", "worker_user_ns"}


def removable(layers: Iterable[str]) -> frozenset[str]:
    """What has to be left out so that none of `layers` stands; those that cannot be are not in it."""
    return frozenset(PARTS.get(layer, layer) for layer in layers) & REMOVABLE


def stopping(layers: Iterable[str]) -> frozenset[str]:
    """Those that stop something; `home`, beside others, says only where they do."""
    named = frozenset(layers)
    return named - {HOME} or named


def exempting(layers: Iterable[str]) -> frozenset[str]:
    """Those for whose sake an attack is not expected to succeed, whatever else is left out."""
    return stopping(layers) & FIXED.keys()


def standing(layers: Iterable[str], reported: Collection[str]) -> frozenset[str]:
    """Those that stop something in a worker with these layers in force; of the fixed ones, all."""
    return frozenset(layer for layer in stopping(layers) if _stands(layer, reported))


def is_first_home(reported: Collection[str]) -> bool:
    """Whether that worker has namespaces of its own."""
    return "worker_mount_ns" in reported


def _stands(layer: str, reported: Collection[str]) -> bool:
    if layer in FIXED:
        return layer != NEVER
    if layer == "threads":
        return "rlimits" in reported and not _COUNTED_APART.isdisjoint(reported)
    if PARTS.get(layer, layer) == "landlock":
        abi = max((int(name[len(_ABI) :]) for name in reported if name.startswith(_ABI)), default=0)
        return abi >= int(layer.removeprefix(_ABI) if layer != "landlock" else 1)
    return not _REPORTED_AS.get(layer, {layer}).isdisjoint(reported)
