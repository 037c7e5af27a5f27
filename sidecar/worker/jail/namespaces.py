"""Namespaces: what is outside cannot even be named. user_namespaces(7), pid_namespaces(7), mount_namespaces(7).

The zygote enters its own once and becomes the init of a PID namespace, so that its death is the death of every worker;
each worker is then the init of a PID namespace of its own below it, with mounts of its own.
"""

import fcntl
import os
from typing import FrozenSet, Optional, Tuple

from . import libc
from .policy import LayerError

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUTS = 0x04000000
_CLONE_NEWIPC = 0x08000000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000
_FLAGS = {
    "mount_ns": _CLONE_NEWNS,
    "pid_ns": _CLONE_NEWPID,
    "net_ns": _CLONE_NEWNET,
    "ipc_ns": _CLONE_NEWIPC,
    "uts_ns": _CLONE_NEWUTS,
}
_HOST_NAME = b"sandbox"
# Since then a user namespace has counters of its own for RLIMIT_NPROC and RLIMIT_SIGPENDING.
_COUNTS_PER_NAMESPACE = (5, 14)
_CAP_SYS_ADMIN = 21
_PIDFD_GET_MNT_NAMESPACE = 0xFF03

_USER_FIX = (
    "allow unprivileged user namespaces (sysctl user.max_user_namespaces > 0; kernel.unprivileged_userns_clone=1 on "
    "Debian; kernel.apparmor_restrict_unprivileged_userns=0 or a profile with `userns,` on Ubuntu), or run as root"
)
_OTHER_FIX = "run outside a container whose seccomp profile refuses unshare(2), or give it CAP_SYS_ADMIN"


def enter_for_zygote(sidecar_pid: int, without: FrozenSet[str]) -> Tuple[str, ...]:
    """Leave the host's namespaces; return in the new PID namespace's init, while the caller's process waits for it.

    Those in `without` are not left; without a PID namespace it is the caller's process that returns.

    The process that called ends with its child, and both are killed when the sidecar dies (PR_SET_PDEATHSIG), however
    it dies. Raises LayerError where a namespace is refused.
    """
    entered = [name for name in _FLAGS if name not in without]
    names = list(entered)
    if not libc.has_capability(_CAP_SYS_ADMIN):
        _enter_user_namespace()
        names.insert(0, "user_ns")
    libc.die_with_parent(sidecar_pid)
    try:
        libc.call("unshare", sum(_FLAGS[name] for name in entered))
        if "uts_ns" in entered:
            libc.call("sethostname", _HOST_NAME, len(_HOST_NAME))
    except OSError as error:
        raise LayerError("namespaces", str(error), _OTHER_FIX) from None
    if "pid_ns" in entered:
        child = os.fork()
        if child:
            _wait_in_place_of(child)
        # The parent lives in the namespace outside, where this process sees it as 0.
        libc.die_with_parent(0)
    return tuple(names)


def own_pid_namespace() -> int:
    """A descriptor of this process's PID namespace, to come back to after each `prepare_child`. LayerError."""
    try:
        own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        prepare_child()
        after_fork(own)  # tried here, since a filter may refuse setns(2) alone
    except OSError as error:
        raise LayerError("namespaces", str(error), _OTHER_FIX) from None
    return own


def prepare_child() -> None:
    """Make the next fork's child the init of a new PID namespace."""
    libc.call("unshare", _CLONE_NEWPID)


def after_fork(own: int) -> None:
    """In the parent: let the next `prepare_child` begin from this process's own PID namespace again."""
    libc.call("setns", own, _CLONE_NEWPID)


def apply(without: FrozenSet[str]) -> Tuple[str, ...]:
    """In the worker: mounts of its own, and System V objects and message queues of its own."""
    if "ipc_ns" in without:
        libc.call("unshare", _CLONE_NEWNS)
        return ("worker_mount_ns",)
    libc.call("unshare", _CLONE_NEWNS | _CLONE_NEWIPC)
    return ("worker_mount_ns", "worker_ipc_ns")


def own_mounts() -> Optional[int]:
    """In the worker: a descriptor of its mount namespace (ioctl_pidfd(2), Linux 6.11), or None on an older kernel.

    Whoever holds it keeps the namespace from being taken apart while the worker dies: that waits for every processor
    (synchronize_rcu), and a reply waits for the death.
    """
    pidfd = libc.system_call("pidfd_open", os.getpid(), 0)
    try:
        return fcntl.ioctl(pidfd, _PIDFD_GET_MNT_NAMESPACE)
    except OSError:
        return None
    finally:
        os.close(pidfd)


def apply_user() -> Tuple[str, ...]:
    """In a worker of an ordinary user's zygote: a user namespace of its own, so that its threads are counted apart.

    () on kernels that count per uid over the whole host: there the limit of memory bounds threads.
    """
    release = os.uname().release.split("-")[0].split(".")
    if tuple(int(part) for part in release[:2]) < _COUNTS_PER_NAMESPACE:
        return ()
    libc.call("unshare", _CLONE_NEWUSER)
    return ("worker_user_ns",)


def _enter_user_namespace() -> None:
    uid, gid = os.geteuid(), os.getegid()
    try:
        libc.call("unshare", _CLONE_NEWUSER)
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", "%d %d 1" % (uid, uid))
        _write("/proc/self/gid_map", "%d %d 1" % (gid, gid))
    except OSError as error:
        raise LayerError("user_ns", str(error), _USER_FIX) from None


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _wait_in_place_of(child: int) -> None:
    # Holding no descriptor, this process cannot keep the control socket open when the zygote is gone.
    os.closerange(0, 1024)
    _, status = os.waitpid(child, 0)
    os._exit(0 if status == 0 else 1)
