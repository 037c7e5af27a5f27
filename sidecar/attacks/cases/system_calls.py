"""What stands before the attacks marked "(system calls)": calls by number, past everything that Python checks first.

Tool code, for Python 3.7 and newer. The numbers are those of x86-64.
"""

import ctypes
import mmap
import os

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long

EPERM, ESRCH, EACCES, ENOSYS = 1, 3, 13, 38
NOWHERE = 1  # an address at which nothing is ever mapped


def call(number, *args):
    """The system call `number`: its result and errno, 0 where it succeeded."""
    ctypes.set_errno(0)
    words = [ctypes.c_long(one) if isinstance(one, int) else one for one in args]
    result = libc.syscall(ctypes.c_long(number), *words)
    return result, ctypes.get_errno() if result == -1 else 0


def verdict(what, *args, policy=(EPERM, EACCES, ENOSYS)):
    """Refused means refused by policy: EPERM, EACCES or ENOSYS, not a complaint about the arguments."""
    result, errno = call(*args)
    if errno in policy:
        return "refused: " + os.strerror(errno)
    return "escaped: %s answered %d, errno %d" % (what, result, errno)


def reached(what, *args):
    """As `verdict`, for calls that name a process: that there is none by that number is a refusal too."""
    return verdict(what, *args, policy=(EPERM, EACCES, ENOSYS, ESRCH))


def machine_code(code):
    """Run these instructions: the int that they leave in eax."""
    page = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=7)
    page[: len(code)] = code
    return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()


def shared_page():
    """A page of a file that every worker of every sidecar maps: the same inode, so the same futex key."""
    libc.mmap.restype = ctypes.c_void_p
    descriptor = os.open(os.__file__, os.O_RDONLY)
    return ctypes.c_void_p(libc.mmap(None, ctypes.c_size_t(4096), 1, 1, descriptor, ctypes.c_long(0)))
