"""The file system that a worker sees: the interpreter's files, read-only, and one private scratch directory.

pivot_root(2), mount(2). The zygote builds the tree once and drops the host's root for good; each worker then mounts
its own scratch tmpfs over the one empty directory that is left for it. There is no /proc, /sys or host /etc.
"""

import os
from typing import Tuple

from . import libc
from .policy import LayerError, Policy

SCRATCH = "/tmp"

_MS_RDONLY = 1
_MS_NOSUID = 2
_MS_NODEV = 4
_MS_NOEXEC = 8
_MS_REMOUNT = 32
_MS_NOATIME = 1024
_MS_NODIRATIME = 2048
_MS_BIND = 4096
_MS_REC = 16384
_MS_PRIVATE = 1 << 18
_MS_RELATIME = 1 << 21
_MNT_DETACH = 2

# statvfs(3) flags that a user namespace may not clear when it remounts (mount_namespaces(7), "locked").
_KEPT_FLAGS = (
    (2, _MS_NOSUID),
    (4, _MS_NODEV),
    (8, _MS_NOEXEC),
    (1024, _MS_NOATIME),
    (2048, _MS_NODIRATIME),
    (4096, _MS_RELATIME),
)

_OLD = "/old"
_NEW = "/new"
_FIX = "run where mount(2) and pivot_root(2) are allowed: as root or with user namespaces, outside a container's filter"


def make_private() -> None:
    """In the zygote, first of all: no mount made from here on shows outside. Raises LayerError."""
    try:
        libc.call("mount", None, b"/", None, _MS_REC | _MS_PRIVATE, None)
    except OSError as error:
        raise LayerError("mounts", str(error), _FIX) from None


def enter_tree(policy: Policy) -> Tuple[str, ...]:
    """In the zygote: build the read-only tree and make it the root. Raises LayerError."""
    try:
        _pivot_to_workshop()
        libc.call("mount", b"tmpfs", _NEW.encode(), b"tmpfs", _MS_NOSUID | _MS_NODEV, b"size=1m,mode=755")
        _fill(policy)
        _pivot_to_tree()
    except OSError as error:
        raise LayerError("pivot_root", str(error), _FIX) from None
    return ("pivot_root",)


def apply(policy: Policy, uid: int, gid: int) -> Tuple[str, ...]:
    """In the worker: a tmpfs of its own over the scratch directory, with a quota of bytes and of inodes (tmpfs(5))."""
    options = "size=%d,nr_inodes=%d,mode=700,uid=%d,gid=%d" % (
        policy.scratch_max_bytes,
        policy.scratch_max_inodes,
        uid,
        gid,
    )
    libc.call("mount", b"scratch", SCRATCH.encode(), b"tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, options.encode())
    os.chdir(SCRATCH)
    return ("scratch",)


def _pivot_to_workshop() -> None:
    """Stand on an empty tmpfs with the host's root below it, so that building the tree hides no source of it."""
    workshop = SCRATCH.encode()
    libc.call("mount", b"tmpfs", workshop, b"tmpfs", _MS_NOSUID | _MS_NODEV, b"size=1m,mode=755")
    os.mkdir(SCRATCH + _OLD)
    os.mkdir(SCRATCH + _NEW)
    libc.system_call("pivot_root", workshop, workshop + _OLD.encode())
    os.chdir("/")


def _pivot_to_tree() -> None:
    os.chdir(_NEW)
    # The old root is stacked on the new one and taken away: pivot_root(2), "pivot_root(".", ".")".
    libc.system_call("pivot_root", b".", b".")
    libc.call("umount2", b".", _MNT_DETACH)
    os.chdir("/")
    libc.call("mount", None, b"/", None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID | _MS_NODEV, None)


def _fill(policy: Policy) -> None:
    for path, source in policy.directories.items():
        os.makedirs(_NEW + path, exist_ok=True)
        _bind(source, path, _MS_RDONLY | _MS_NODEV)
    for path in policy.masks:
        flags = _MS_RDONLY | _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
        libc.call("mount", b"mask", (_NEW + path).encode(), b"tmpfs", flags, b"size=4k,nr_inodes=1,mode=555")
    for path in policy.files:
        _make_file(path)
        _bind(path, path, _MS_RDONLY | _MS_NODEV)
    for path in policy.devices:
        _make_file(path)
        # Writing to a device needs no writable mount; changing its mode or times would be written to the host's inode.
        _bind(path, path, _MS_RDONLY)
    for path, target in policy.links.items():
        os.makedirs(_NEW + os.path.dirname(path), exist_ok=True)
        if not os.path.lexists(_NEW + path):
            os.symlink(target, _NEW + path)
    os.makedirs(_NEW + SCRATCH, exist_ok=True)


def _make_file(path: str) -> None:
    os.makedirs(_NEW + os.path.dirname(path), exist_ok=True)
    os.close(os.open(_NEW + path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o444))


def _bind(source: str, path: str, flags: int) -> None:
    target = (_NEW + path).encode()
    libc.call("mount", (_OLD + source).encode(), target, None, _MS_BIND, None)
    locked = os.statvfs(target).f_flag
    kept = sum(flag for seen, flag in _KEPT_FLAGS if locked & seen)
    libc.call("mount", None, target, None, _MS_REMOUNT | _MS_BIND | _MS_NOSUID | flags | kept, None)
