"""What the sidecar asks of a jail: plain data, fixed when the zygote starts, the same for each of its workers."""

from typing import Any, Dict, List, NamedTuple


class Policy(NamedTuple):
    """Sizes in bytes; paths are absolute and as the host names them.

    `directories` are shown at their key's path with the content of their value's (which has no symbolic link in it) and
    `files` at their own, readable and nothing more; `links` are the symbolic links to make, as `{path: target}`;
    `masks` are directories within `directories` that must appear empty; `devices` may be read and written.
    """

    sidecar_pid: int
    directories: Dict[str, str]
    files: List[str]
    links: Dict[str, str]
    masks: List[str]
    devices: List[str]
    scratch_max_bytes: int
    scratch_max_inodes: int
    max_open_files: int
    max_threads: int
    first_uid: int

    @classmethod
    def from_json(cls, data: Dict[str, Any]) -> "Policy":
        """From the control socket's message; a missing or unknown key is a TypeError."""
        return cls(**data)


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
