"""The system-call filter: an allow-list compiled to classic BPF. seccomp(2), kernel doc userspace-api/seccomp_filter.

Answers, never death: EPERM for what is denied, ENOSYS for what does not exist here, and 0 for a lock on a file, which
no other process could contend for and whose trace on a shared inode another run could see. Other ABIs of the same
machine (x32, i386) get ENOSYS throughout.
"""

import ctypes
import struct
from typing import Iterable, List, Tuple

from . import libc
from .syscalls import ALLOWED, DENIED, RESTRICTED, Numbers

_EPERM, _ENOSYS = 1, 38
_RET_ALLOW = 0x7FFF0000
_RET_ERRNO = 0x00050000
_PRETEND = _RET_ERRNO  # errno 0: the call is skipped and returns success

_LD_ABS, _JEQ, _JGE, _JSET, _AND, _RET = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_NR, _ARCH, _ARGS = 0, 4, 16  # offsets in struct seccomp_data
_X32_BIT = 0x40000000

_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

_SET_MODE_FILTER = 1
_FLAG_TSYNC = 1

_CLONE_THREAD = 0x00010000
_CLONE_ANY_NAMESPACE = 0x7E020080  # NEW{NS,CGROUP,UTS,IPC,USER,PID,NET} and NEWTIME
_AF_UNIX, _SOCK_STREAM, _SOCK_TYPE_MASK = 1, 1, 0xF
_F_GETLK, _F_SETLK, _F_SETLKW, _F_OFD_GETLK, _F_OFD_SETLK, _F_OFD_SETLKW = 5, 6, 7, 36, 37, 38
# F_DUPFD, GETFD, SETFD, GETFL, SETFL, DUPFD_CLOEXEC, GETPIPE_SZ; asking for a lock finds none, since none is ever set
_FCNTL_ALLOWED = (0, 1, 2, 3, 4, 1030, 1032, _F_GETLK, _F_OFD_GETLK)
_FCNTL_PRETENDED = (_F_SETLK, _F_SETLKW, _F_OFD_SETLK, _F_OFD_SETLKW)
# TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
_IOCTL_ALLOWED = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
_PRCTL_ALLOWED = (15, 16, 3, 39)  # SET_NAME, GET_NAME, GET_DUMPABLE, GET_NO_NEW_PRIVS


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32)]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction))]


Code = List[Tuple[int, int, int, int]]


class Filter:
    """A compiled filter, made once in the zygote; `pid` is what each worker's getpid(2) will answer."""

    def __init__(self, pid: int) -> None:
        column_and_arch = _MACHINES.get(libc.MACHINE)
        if column_and_arch is None:
            raise OSError(_ENOSYS, "seccomp: no filter for machine %s" % libc.MACHINE)
        column, arch = column_and_arch
        code = _compile(column, arch, pid)
        self._instructions = (_Instruction * len(code))(*(_Instruction(*one) for one in code))
        self._program = _Program(len(code), self._instructions)

    def apply(self) -> Tuple[str, ...]:
        """Put the filter in force for every thread of this process; it cannot be taken away again."""
        address = ctypes.addressof(self._program)
        libc.system_call("seccomp", _SET_MODE_FILTER, _FLAG_TSYNC, address)
        return ("seccomp",)


def _compile(column: int, arch: int, pid: int) -> Code:
    code: Code = [(_LD_ABS, 0, 0, _ARCH), (_JEQ, 1, 0, arch), _return(_RET_ERRNO | _ENOSYS), (_LD_ABS, 0, 0, _NR)]
    if column == 0:
        code += [(_JGE, 0, 1, _X32_BIT), _return(_RET_ERRNO | _ENOSYS)]
    for number in sorted(_numbers(ALLOWED.values(), column)):
        code += [(_JEQ, 0, 1, number), _return(_RET_ALLOW)]
    for number in _numbers(DENIED.values(), column):
        code += [(_JEQ, 0, 1, number), _return(_RET_ERRNO | _EPERM)]
    for name, numbers in RESTRICTED.items():
        body = _restriction(name, pid)
        for number in _numbers([numbers], column):
            code += [(_JEQ, 0, len(body), number), *body]
    return [*code, _return(_RET_ERRNO | _ENOSYS)]


def _restriction(name: str, pid: int) -> Code:
    """The rest of the filter for one call: every path through it returns."""
    deny, allow = _return(_RET_ERRNO | _EPERM), _return(_RET_ALLOW)
    if name == "clone":
        # Threads only. clone3 hides its flags behind a pointer: it answers ENOSYS, and libc falls back to clone.
        return [
            _argument(0),
            (_JSET, 0, 1, _CLONE_ANY_NAMESPACE),
            deny,
            (_JSET, 1, 0, _CLONE_THREAD),
            deny,
            allow,
        ]
    if name in ("kill", "tgkill", "prlimit64"):
        own = [_argument(0), (_JEQ, 0, 1, pid), allow]
        # prlimit64 names the caller as 0, as getrlimit and setrlimit do.
        return [*own, (_JEQ, 0, 1, 0), allow, deny] if name == "prlimit64" else [*own, deny]
    if name == "socketpair":
        return [
            _argument(0),
            (_JEQ, 1, 0, _AF_UNIX),
            deny,
            _argument(1),
            (_AND, 0, 0, _SOCK_TYPE_MASK),
            (_JEQ, 1, 0, _SOCK_STREAM),
            deny,
            allow,
        ]
    if name == "sendto":
        # Without an address, the high half of the pointer included: send(2) on a socketpair.
        return [_argument(4), (_JEQ, 1, 0, 0), deny, _argument(4, high=True), (_JEQ, 1, 0, 0), deny, allow]
    if name == "flock":
        return [_return(_PRETEND)]
    allowed = {"fcntl": _FCNTL_ALLOWED, "ioctl": _IOCTL_ALLOWED, "prctl": _PRCTL_ALLOWED}[name]
    code = [_argument(0 if name == "prctl" else 1)]
    for value in allowed:
        code += [(_JEQ, 0, 1, value), allow]
    if name == "fcntl":
        for value in _FCNTL_PRETENDED:
            code += [(_JEQ, 0, 1, value), _return(_PRETEND)]
    return [*code, deny]


def _numbers(entries: Iterable[Numbers], column: int) -> Iterable[int]:
    return [number for number in (entry[column] for entry in entries) if number is not None]


def _argument(index: int, *, high: bool = False) -> Tuple[int, int, int, int]:
    # Both machines are little-endian: the low half of an argument comes first.
    return (_LD_ABS, 0, 0, _ARGS + 8 * index + (4 if high else 0))


def _return(action: int) -> Tuple[int, int, int, int]:
    return (_RET, 0, 0, action)


def encoded(pid: int, machine: str) -> bytes:
    """The filter for `machine` as struct sock_filter records, for tests and audits on any machine."""
    column, arch = _MACHINES[machine]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in _compile(column, arch, pid))
