"""What the sidecar asks of a jail: plain data, fixed when the zygote starts, the same for each of its workers."""

from typing import Any, Dict, List, NamedTuple

# Where a jail can stand, strongest first. Each is whole or refused; nothing slides from one into the next.
NAMESPACES = "namespaces"  # a tree, processes and a network of its own: root, or user namespaces
LANDLOCK = "landlock"  # among the host's files and processes, held back by Landlock and seccomp: in a container
PROCESS = "process"  # limits and whatever else there is: only where the host has asked for no more

# What `Policy.without` can name.
REMOVABLE = frozenset({
    "pid_ns", "net_ns", "ipc_ns", "mounts", "cgroup", "rlimits", "identity", "landlock", "seccomp",
})  # fmt: skip


class Policy(NamedTuple):
    """Sizes in bytes; paths are absolute and as the host names them.

    `home` is one of the constants above. `without` names layers that are left out: to prove that an attack is stopped
    by the layers that it says, and for nothing else. `scratch_root` is the directory in which each worker has one of
    its own where it cannot mount one; `cgroup` is a cgroup in which each worker makes one of its own, "" for neither.
    `directories` are shown at their key's path with the content of their value's (which has no symbolic link in it) and
    `files` at their own, readable and nothing more; `links` are the symbolic links to make, as `{path: target}`;
    `masks` are directories within `directories` that must appear empty; `devices` may be read and written.
    """

    sidecar_pid: int
    home: str
    without: List[str]
    directories: Dict[str, str]
    files: List[str]
    links: Dict[str, str]
    masks: List[str]
    devices: List[str]
    cgroup: str
    scratch_root: str
    scratch_max_bytes: int
    scratch_max_inodes: int
    max_open_files: int
    max_threads: int
    first_uid: int

    @classmethod
    def from_json(cls, data: Dict[str, Any]) -> "Policy":
        """From the control socket's message; a missing or unknown key is a TypeError, as a wrong word a ValueError."""
        policy = cls(**data)
        if policy.home not in (NAMESPACES, LANDLOCK, PROCESS) or not REMOVABLE.issuperset(policy.without):
            raise ValueError("no such home or layer: %s, %s" % (policy.home, policy.without))
        return policy


class LayerError(Exception):
    """A layer of the jail could not be put in force; the worker must not run anything."""

    def __init__(self, layer: str, reason: str, fix: str) -> None:
        super().__init__("%s: %s" % (layer, reason))
        self.layer = layer
        self.reason = reason
        self.fix = fix

    def as_json(self) -> Dict[str, str]:
        """As `data.missing` of the protocol's `sandbox_unavailable` shows it."""
        return {"layer": self.layer, "reason": self.reason, "fix": self.fix}
