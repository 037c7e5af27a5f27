"""Who a worker is: an unprivileged uid of its own where we are root, and no capability in any case.

capabilities(7), credentials(7). After this nothing in the process can gain a privilege: every set is empty, the
bounding set too, and the securebits that could bring capabilities back to uid 0 are locked.
"""

import os
import stat
import struct
from typing import Iterable, NamedTuple, Optional, Tuple

from . import libc

_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_SECUREBITS = 28
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
# SECBIT_{NOROOT,NO_SETUID_FIXUP,KEEP_CAPS(locked off),NO_CAP_AMBIENT_RAISE} and each one's lock.
_SECUREBITS = 0x01 | 0x02 | 0x04 | 0x08 | 0x20 | 0x40 | 0x80
_CAP_SETPCAP = 8
# CHOWN, DAC_OVERRIDE, FOWNER, KILL, SETGID, SETUID: to give a worker another uid, and then to end it and clean up.
_TO_HAVE_OTHERS = (0, 1, 3, 5, 6, 7)
_EINVAL = 22
# Fewer than can be alive at once must never be shared out.
_FEWEST_IDS = 1 << 13


class SpareIds(NamedTuple):
    """`size` uids and as many gids that are nobody else's, from the first on."""

    first_uid: int
    first_gid: int
    size: int


def drop_bounding_set() -> None:
    """Let no later execve(2) give a capability. The zygote's workers inherit it; a new user namespace refills it.

    Without CAP_SETPCAP nothing can be dropped. Then it is no_new_privs alone that keeps execve from giving any.
    """
    if not libc.has_capability(_CAP_SETPCAP):
        return
    for capability in range(64):
        try:
            libc.prctl("PR_CAPBSET_DROP", _PR_CAPBSET_DROP, capability)
        except OSError as error:
            if error.errno == _EINVAL:
                return  # beyond the last capability that this kernel knows
            raise


def spare_ids(wanted: int, count: int) -> Optional[SpareIds]:
    """Uids and gids that can be taken on here: `count` of each from `wanted` on, or what a small map has left.

    A container's user namespace may map few (user_namespaces(7)): then the upper half of its largest extent, without
    the last two, which mean nobody. None where this process may not change its uid.
    """
    if not all(libc.has_capability(one) for one in _TO_HAVE_OTHERS):
        return None
    uids, gids = _mapped("/proc/self/uid_map", wanted, count), _mapped("/proc/self/gid_map", wanted, count)
    if uids is None or gids is None:
        return None
    return SpareIds(uids[0], gids[0], min(uids[1], gids[1]))


def open_to_all(paths: Iterable[str], scratch_root: str) -> bool:
    """Whether any uid can read these and reach `scratch_root`: what is in somebody's home is often closed to others."""
    for path in (*paths, *filter(None, (scratch_root,))):
        above = path
        while above != "/":
            above = os.path.dirname(above)
            if not os.stat(above).st_mode & stat.S_IXOTH:
                return False
        if path != scratch_root and not os.stat(path).st_mode & stat.S_IROTH:
            return False
    return True


def may_lock_securebits() -> bool:
    """In the zygote: whether its workers may set their securebits, which takes a capability (capabilities(7))."""
    return libc.has_capability(_CAP_SETPCAP)


def apply(uid: int, gid: int, *, locks_securebits: bool) -> Tuple[str, ...]:
    """Take on `uid` and `gid` where they differ from ours, then give up every capability."""
    # First, since setting them takes a capability; they also keep the change of uid from clearing what capset clears.
    if locks_securebits:
        libc.prctl("PR_SET_SECUREBITS", _PR_SET_SECUREBITS, _SECUREBITS)
    layers: Tuple[str, ...] = ("identity",)
    if uid != os.geteuid():
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        layers = ("own_uid", "identity")
    libc.prctl("PR_CAP_AMBIENT", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header = struct.pack("=Ii", libc.CAPABILITY_VERSION_3, 0)
    libc.system_call("capset", header, bytes(24))
    # A crash must not hand this process's memory to whatever the host's core_pattern names.
    libc.prctl("PR_SET_DUMPABLE", _PR_SET_DUMPABLE, 0)
    return layers


def _mapped(path: str, wanted: int, count: int) -> Optional[Tuple[int, int]]:
    with open(path, encoding="ascii") as file:
        extents = [(int(line.split()[0]), int(line.split()[2])) for line in file]
    if any(first <= wanted and wanted + count <= first + size for first, size in extents):
        return wanted, count
    first, size = max(extents, key=lambda extent: extent[1], default=(0, 0))
    half = size // 2
    return (first + half, half - 2) if half > _FEWEST_IDS else None
