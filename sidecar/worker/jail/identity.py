"""Who a worker is: an unprivileged uid of its own where we are root, and no capability in any case.

capabilities(7), credentials(7). After this nothing in the process can gain a privilege: every set is empty, the
bounding set too, and the securebits that could bring capabilities back to uid 0 are locked.
"""

import os
import struct
from typing import Tuple

from . import libc

_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_SECUREBITS = 28
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
# SECBIT_{NOROOT,NO_SETUID_FIXUP,KEEP_CAPS(locked off),NO_CAP_AMBIENT_RAISE} and each one's lock.
_SECUREBITS = 0x01 | 0x02 | 0x04 | 0x08 | 0x20 | 0x40 | 0x80
_CAPABILITY_VERSION_3 = 0x20080522
_EINVAL = 22


def drop_bounding_set() -> None:
    """Let no later execve(2) give a capability. The zygote's workers inherit it; a new user namespace refills it."""
    for capability in range(64):
        try:
            libc.prctl("PR_CAPBSET_DROP", _PR_CAPBSET_DROP, capability)
        except OSError as error:
            if error.errno == _EINVAL:
                return  # beyond the last capability that this kernel knows
            raise


def apply(uid: int, gid: int) -> Tuple[str, ...]:
    """Take on `uid` and `gid` where they differ from ours, then give up every capability."""
    # First, since setting them takes a capability; they also keep the change of uid from clearing what capset clears.
    libc.prctl("PR_SET_SECUREBITS", _PR_SET_SECUREBITS, _SECUREBITS)
    if uid != os.geteuid():
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    libc.prctl("PR_CAP_AMBIENT", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    libc.system_call("capset", header, bytes(24))
    # A crash must not hand this process's memory to whatever the host's core_pattern names.
    libc.prctl("PR_SET_DUMPABLE", _PR_SET_DUMPABLE, 0)
    return ("identity",)
