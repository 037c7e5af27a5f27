"""What stands before the attacks marked "(system calls)": calls by number, past everything that Python checks first."""

import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(number, *args):
    """The system call `number`: its result and errno, 0 where it succeeded."""
    ctypes.set_errno(0)
    words = [ctypes.c_long(one) if isinstance(one, int) else one for one in args]
    result = libc.syscall(ctypes.c_long(number), *words)
    return result, ctypes.get_errno() if result == -1 else 0


def verdict(what, *args):
    """Refused means refused by policy: EPERM, EACCES or ENOSYS, not a complaint about the arguments."""
    result, errno = call(*args)
    if errno in (1, 13, 38):
        return "refused: " + os.strerror(errno)
    return "escaped: %s answered %d, errno %d" % (what, result, errno)
