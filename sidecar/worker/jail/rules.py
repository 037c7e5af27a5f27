"""The calls that are allowed with some arguments only, each rule as classic BPF that ends in an answer.

A rule is a chain of tests: the first that fails answers EPERM, a call that passes all is allowed. What each one is for
stands beside it: most close a way by which two runs could meet, or by which memory escapes its limit.
"""

from typing import Dict, List, Tuple

Instruction = Tuple[int, int, int, int]
Code = List[Instruction]

EPERM, ENOSYS, EOPNOTSUPP = 1, 38, 95
LD_ABS, JA, JEQ, JGE, JSET, AND, RET = 0x20, 0x05, 0x15, 0x35, 0x45, 0x54, 0x06
_ARGUMENTS = 16  # offset in struct seccomp_data

_MSG_OOB = 1
_RET_ALLOW = 0x7FFF0000
_RET_ERRNO = 0x00050000


def answer(error: int) -> Instruction:
    """End the filter: the call is not made and fails with `error`; 0 skips it and pretends success."""
    return (RET, 0, 0, _RET_ERRNO | error)


ALLOW: Instruction = (RET, 0, 0, _RET_ALLOW)
DENY = answer(EPERM)
PRETEND = answer(0)


def _load(index: int, *, high: bool = False) -> Instruction:
    # Both machines are little-endian: the low half of an argument comes first.
    return (LD_ABS, 0, 0, _ARGUMENTS + 8 * index + (4 if high else 0))


def _without(index: int, bits: int) -> Code:
    """No bit of `bits` is set in the argument."""
    return [_load(index), (JSET, 0, 1, bits), DENY]


def _with_all(index: int, bits: int) -> Code:
    """Every bit of `bits` is set."""
    return [_load(index), (AND, 0, 0, bits), (JEQ, 1, 0, bits), DENY]


def _one_of(index: int, *values: int, mask: int = 0xFFFFFFFF) -> Code:
    """The argument's bits under `mask` are one of `values`."""
    tests: Code = [_load(index), (AND, 0, 0, mask)]
    for position, value in enumerate(values):
        tests.append((JEQ, len(values) - position, 0, value))
    return [*tests, DENY]


def _none_of(index: int, *values: int) -> Code:
    """The argument is none of `values`."""
    tests: Code = [_load(index)]
    for value in values:
        tests += [(JEQ, 0, 1, value), DENY]
    return tests


def _null(index: int) -> Code:
    """The argument is a null pointer, both halves of it."""
    return [_load(index), (JEQ, 1, 0, 0), DENY, _load(index, high=True), (JEQ, 1, 0, 0), DENY]


def _clone() -> Code:
    # Threads that share everything, descriptors too: a table of its own would have a limit of its own. clone3 hides its
    # flags behind a pointer: it answers ENOSYS, and libc falls back to clone.
    any_namespace, vm_fs_files_sighand_thread = 0x7E020080, 0x00010F00
    return [*_without(0, any_namespace), *_with_all(0, vm_fs_files_sighand_thread), ALLOW]


def _mmap() -> Code:
    # Shared anonymous memory stays when it is unmapped in part, and then counts in no limit of the process.
    shared, anonymous, hugetlb = 0x01, 0x20, 0x40000
    return [*_without(3, hugetlb), _load(3), (JSET, 0, 2, anonymous), (JSET, 0, 1, shared), DENY, ALLOW]


def _futex() -> Code:
    # A futex that is not private is keyed by inode: on a file of the standard library other runs could wait for it, and
    # the kernel itself wakes it where a thread ends (CLONE_CHILD_CLEARTID). Joining a thread waits for such a one, on
    # memory of its own: it is told at once to look again, and does until the thread is gone.
    private, wait, wait_bitset = 0x80, 0, 9
    return [_load(1), (JSET, 0, 1, private), ALLOW, *_one_of(1, wait, wait_bitset, mask=0x7F), PRETEND]


def _fcntl() -> Code:
    # Locks succeed without effect: nobody else could contend, and a lock on a shared inode is a message to other runs.
    # O_DIRECT would turn a pipe into one wake-up of the sidecar for each byte. Asking for a lock finds none.
    set_flags, o_direct = 4, 0x4000 | 0x10000  # x86-64's and arm64's
    pretended = (6, 7, 37, 38)  # F_SETLK, SETLKW, OFD_SETLK, OFD_SETLKW
    plain = (0, 1, 2, 3, 1030, 1032, 5, 36)  # F_DUPFD, GETFD, SETFD, GETFL, DUPFD_CLOEXEC, GETPIPE_SZ, GETLK, OFD_GETLK
    tests: Code = [_load(1)]
    for value in pretended:
        tests += [(JEQ, 0, 1, value), PRETEND]
    for value in plain:
        tests += [(JEQ, 0, 1, value), ALLOW]
    return [*tests, *_one_of(1, set_flags), *_without(2, o_direct), ALLOW]


def _socketpair() -> Code:
    # asyncio's pair. A datagram socket could be sent anywhere with sendto.
    unix, stream, type_mask = 1, 1, 0xF
    return [*_one_of(0, unix), *_one_of(1, stream, mask=type_mask), ALLOW]


def _sendto() -> Code:
    # send(2) on such a pair: no address, no urgent data.
    return [*_without(3, _MSG_OOB), *_null(4), ALLOW]


def _open(index: int) -> Code:
    # Access mode 3 is neither reading nor writing: Landlock lets it pass, and opening alone has effects (open(2)).
    return [*_one_of(index, 0, 1, 2, mask=3), ALLOW]


def _open_named(index: int) -> Code:
    # A file without a name (O_TMPFILE) is one that nobody can count.
    without_a_name = 0x400000
    return [_load(index), (JSET, 0, 1, without_a_name), answer(EOPNOTSUPP), *_open(index)]


def _own_clocks(pid: int) -> Code:
    # A negative clock is the CPU time of a process or thread, of whomever: own ones only (clock_getres(2)).
    first_own, last = 0xFFFFFFF8, 0xFFFFFFFF
    main = ~pid << 3 & 0xFFFFFFF8
    return [
        _load(0), (JSET, 1, 0, 1 << 31), ALLOW, (JGE, 0, 1, first_own), ALLOW,
        (AND, 0, 0, last & ~7), (JEQ, 0, 1, main), ALLOW, DENY,
    ]  # fmt: skip


def among_others(pid: int) -> Dict[str, Code]:
    """What else needs a rule where other processes and the host's files can be named.

    Landlock governs neither attributes of files nor questions about processes. Attributes are set without effect, so
    that copying and unpacking work as they do elsewhere.
    """
    own_process, own_clocks = [*_one_of(0, 0, pid), ALLOW], _own_clocks(pid)
    unsupported = [answer(EOPNOTSUPP)]
    answers = (
        (("chmod", "fchmod", "fchmodat", "fchmodat2", "utime", "utimes", "futimesat", "utimensat"), [PRETEND]),
        (("getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr"), unsupported),
        # Space is used up by writing only, at a speed at which it can be watched.
        (("fallocate",), unsupported),
        (("open",), _open_named(1)),
        (("openat",), _open_named(2)),
        (("copy_file_range",), [answer(ENOSYS)]),
        (("sched_getaffinity", "get_robust_list"), own_process),
        (("getppid", "getpgrp", "getpgid", "getsid"), [PRETEND]),  # 0, as in a PID namespace of one's own
        (("clock_gettime", "clock_getres", "clock_nanosleep", "timer_create", "timerfd_create"), own_clocks),
    )
    return {name: code for names, code in answers for name in names}


def rules(pid: int) -> Dict[str, Code]:
    """Each restricted call's rule; `pid` is what getpid(2) answers in the worker."""
    return {
        "clone": _clone(),
        "close_range": [*_without(2, 2), ALLOW],  # CLOSE_RANGE_UNSHARE: a descriptor table of its own, as for clone
        # Dropping a shared file's pages is a message to other runs; flushing them is the host's affair.
        "fadvise64": [PRETEND],
        "fcntl": _fcntl(),
        "fdatasync": [PRETEND],
        "flock": [PRETEND],
        "fsync": [PRETEND],
        "futex": _futex(),
        # SO_TYPE, SO_ERROR, SO_PROTOCOL, SO_DOMAIN; SO_PEERPIDFD would hand out a descriptor of the sidecar
        "getsockopt": [*_one_of(2, 3, 4, 38, 39), ALLOW],
        # TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
        "ioctl": [*_one_of(1, 0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451), ALLOW],
        "kill": [*_one_of(0, pid), ALLOW],
        # PRIO_PROCESS, of itself; a uid's would have every process of the host walked
        "getpriority": [*_one_of(0, 0), *_one_of(1, 0, pid), ALLOW],
        # MADV_MERGEABLE, HUGEPAGE, COLD, PAGEOUT, COLLAPSE, HWPOISON, SOFT_OFFLINE: pages that others share
        "madvise": [*_none_of(2, 12, 14, 20, 21, 25, 100, 101), ALLOW],
        "mmap": _mmap(),
        "msync": [PRETEND],
        "open": _open(1),
        "openat": _open(2),
        "prctl": [*_one_of(0, 15, 16, 3, 39), ALLOW],  # SET_NAME, GET_NAME, GET_DUMPABLE, GET_NO_NEW_PRIVS
        # getrlimit and setrlimit name the caller as 0; no limit can be raised.
        "prlimit64": [*_one_of(0, 0, pid), ALLOW],
        "recvfrom": [*_without(3, _MSG_OOB), ALLOW],
        "renameat2": [*_without(4, 4), ALLOW],  # RENAME_WHITEOUT makes a device
        "sendto": _sendto(),
        "socketpair": _socketpair(),
        "tgkill": [*_one_of(0, pid), ALLOW],
    }
