"""Namespaces: what is outside cannot even be named. user_namespaces(7), pid_namespaces(7), mount_namespaces(7).

The zygote enters its own once and becomes the init of a PID namespace, so that its death is the death of every worker;
each worker is then the init of a PID namespace of its own below it, with mounts of its own.
"""

import os
import signal
from typing import Tuple

from . import libc
from .policy import LayerError

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUTS = 0x04000000
_CLONE_NEWIPC = 0x08000000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000
_HOST_NAME = b"sandbox"
_PR_SET_PDEATHSIG = 1
# Since then a user namespace has counters of its own for RLIMIT_NPROC and RLIMIT_SIGPENDING.
_COUNTS_PER_NAMESPACE = (5, 14)
_CAP_SYS_ADMIN = 21

_USER_FIX = (
    "allow unprivileged user namespaces (sysctl user.max_user_namespaces > 0; kernel.unprivileged_userns_clone=1 on "
    "Debian; kernel.apparmor_restrict_unprivileged_userns=0 or a profile with `userns,` on Ubuntu), or run as root"
)
_OTHER_FIX = "run outside a container whose seccomp profile refuses unshare(2), or give it CAP_SYS_ADMIN"


def enter_for_zygote(sidecar_pid: int) -> Tuple[str, ...]:
    """Leave the host's namespaces; return in the new PID namespace's init, while the caller's process waits for it.

    The process that called ends with its child, and both are killed when the sidecar dies (PR_SET_PDEATHSIG), however
    it dies. Raises LayerError where a namespace is refused.
    """
    names = ["mount_ns", "pid_ns", "net_ns", "ipc_ns", "uts_ns"]
    if not _has_capability(_CAP_SYS_ADMIN):
        _enter_user_namespace()
        names.insert(0, "user_ns")
    _die_with_parent(sidecar_pid)
    try:
        libc.call("unshare", _CLONE_NEWNS | _CLONE_NEWPID | _CLONE_NEWNET | _CLONE_NEWIPC | _CLONE_NEWUTS)
    except OSError as error:
        raise LayerError("namespaces", str(error), _OTHER_FIX) from None
    libc.call("sethostname", _HOST_NAME, len(_HOST_NAME))
    child = os.fork()
    if child:
        _wait_in_place_of(child)
    # The parent lives in the namespace outside, where this process sees it as 0.
    _die_with_parent(0)
    return tuple(names)


def own_pid_namespace() -> int:
    """A descriptor of this process's PID namespace, to come back to after each `prepare_child`."""
    return os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)


def prepare_child() -> None:
    """Make the next fork's child the init of a new PID namespace."""
    libc.call("unshare", _CLONE_NEWPID)


def after_fork(own: int) -> None:
    """In the parent: let the next `prepare_child` begin from this process's own PID namespace again."""
    libc.call("setns", own, _CLONE_NEWPID)


def apply() -> Tuple[str, ...]:
    """In the worker: a mount namespace of its own."""
    libc.call("unshare", _CLONE_NEWNS)
    return ("worker_pid_ns", "worker_mount_ns")


def apply_user() -> Tuple[str, ...]:
    """In a worker of an ordinary user's zygote: a user namespace of its own, so that its threads are counted apart.

    () on kernels that count per uid over the whole host: there the limit of memory bounds threads.
    """
    release = os.uname().release.split("-")[0].split(".")
    if tuple(int(part) for part in release[:2]) < _COUNTS_PER_NAMESPACE:
        return ()
    libc.call("unshare", _CLONE_NEWUSER)
    return ("worker_user_ns",)


def _has_capability(number: int) -> bool:
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("CapEff:"):
                return bool(int(line.split()[1], 16) >> number & 1)
    return False


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


def _die_with_parent(expected: int) -> None:
    libc.prctl("PR_SET_PDEATHSIG", _PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before the request took effect; then nobody would ever send the signal.
    if os.getppid() != expected:
        os._exit(1)


def _wait_in_place_of(child: int) -> None:
    # Holding no descriptor, this process cannot keep the control socket open when the zygote is gone.
    os.closerange(0, 1024)
    _, status = os.waitpid(child, 0)
    os._exit(0 if status == 0 else 1)
