"""Why a layer is missing on this very machine, and the exact thing to do about it.

Each answer is read from the kernel's own settings, so that nobody is told to change what is set already.
"""

from __future__ import annotations

from pathlib import Path

_SYSCTLS = (
    ("kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
    ("user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=10000"),
    (
        "kernel/apparmor_restrict_unprivileged_userns", "1",
        "an AppArmor profile for the sidecar's Python with the line `userns,` (docs/deploying.md), or "
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
)  # fmt: skip

_UNDER_A_FILTER = (
    "this process runs under a seccomp filter, as in a container: start that with `--security-opt seccomp=FILE` "
    "(docs/deploying.md has one that allows unshare and mount) or, for root in it, with `--cap-add SYS_ADMIN`"
)
_CGROUP = (
    "start the sidecar in a delegated cgroup (`systemd-run --user --scope -p Delegate=yes …`), as root, or set "
    "PYRUNNER_CGROUP to a cgroup that it may write to"
)
_LANDLOCK = "boot a kernel 6.2 or newer with `landlock` in its `lsm=` list"
_LANDLOCK_FILTERED = (
    "the container's seccomp profile refuses landlock(7): use Docker 23 or newer, or a profile that allows it"
)


def fix(layer: str) -> str:
    """What to do so that `layer`, a prefix of a name in `isolation.layers`, is there next time."""
    if layer in ("pivot_root", "worker_pid_ns", "net_ns", "scratch"):
        return _namespaces()
    if layer == "landlock":
        return _LANDLOCK_FILTERED if _filtered() and "landlock" in _read("/sys/kernel/security/lsm") else _LANDLOCK
    if layer == "own_uid":
        return "run the sidecar as root, or with the interpreter's files readable by all (chmod o+rX)"
    if layer == "memory_cgroup":
        return _CGROUP
    return "see docs/deploying.md"


def _namespaces() -> str:
    for name, bad, remedy in _SYSCTLS:
        if _read(f"/proc/sys/{name}") == bad:
            return remedy
    return _UNDER_A_FILTER if _filtered() else "allow user namespaces to this user, or run the sidecar as root"


def _filtered() -> bool:
    return "\nSeccomp:\t2\n" in f"\n{_read('/proc/self/status')}\n"


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
