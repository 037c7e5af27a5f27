"""Calls into the C library and straight into the kernel, each of which raises OSError with what failed and why.

Everything that the standard library of Python 3.7 does not offer is here; nothing else in the jail uses ctypes.
"""

import ctypes
import os
import platform
import signal
import struct
from typing import Dict, Sequence, Union

Argument = Union[int, bytes, None, "ctypes.Array[ctypes.c_char]"]

MACHINE = platform.machine()
CAPABILITY_VERSION_3 = 0x20080522
_BITS = 32
_PR_SET_PDEATHSIG = 1

# Numbers of calls that the C library does not wrap everywhere; x86_64 and aarch64 number the newer ones alike.
_NUMBERS: Dict[str, Dict[str, int]] = {
    "x86_64": {"pivot_root": 155, "capget": 125, "capset": 126, "seccomp": 317},
    "aarch64": {"pivot_root": 41, "capget": 90, "capset": 91, "seccomp": 277},
}
_COMMON_NUMBERS = {
    "io_uring_setup": 425,
    "io_uring_register": 427,
    "pidfd_open": 434,
    "landlock_create_ruleset": 444,
    "landlock_add_rule": 445,
    "landlock_restrict_self": 446,
}

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
# The interpreter's lock is kept meanwhile: the child has no other thread to take it back from.
_fork = ctypes.PyDLL(None, use_errno=True).fork


def call(name: str, *arguments: Argument) -> int:
    """Call the C library's function `name`; its result, or OSError where it is negative."""
    # A list: CPython keeps a block for each tuple that it has made of a generator, and a tool can count those.
    return _checked(name, getattr(_libc, name)(*[_convert(a) for a in arguments]))


def system_call(name: str, *arguments: Argument) -> int:
    """Make the system call `name` by number (syscall(2)); its result, or OSError where it is negative."""
    return _checked(name, _libc.syscall(_number(name), *[_convert(a) for a in arguments]))


def add_landlock_rules(ruleset: int, rule_type: int, rules: Sequence[bytes]) -> None:
    """landlock_add_rule(2) for each of them: many at each fork, so with little else between two."""
    number, *fixed = _number("landlock_add_rule"), _convert(ruleset), _convert(rule_type)
    flags = _convert(0)
    for rule in rules:
        _checked("landlock_add_rule", _libc.syscall(number, *fixed, rule, flags))


def limit_malloc_arenas() -> None:
    """Keep glibc to one arena: each thread's own reserves 64 MiB of addresses, which RLIMIT_AS counts as used."""
    try:
        _libc.mallopt(-8, 1)  # M_ARENA_MAX
    except AttributeError:
        pass  # not glibc: no arenas


def trim_heap() -> None:
    """Give back what is free in the C library's heap: a fork copies, and an exit frees, what is mapped there."""
    try:
        _libc.malloc_trim(0)
    except AttributeError:
        pass  # not glibc


def unbuffer_stdout() -> None:
    """Make C's stdout write at once, so that what C code prints is in the pipe when it returns (setvbuf(3))."""
    stream = ctypes.c_void_p.in_dll(_libc, "stdout")
    _libc.setvbuf(stream, None, 2, 0)  # _IONBF


def prctl(name: str, option: int, *arguments: int) -> int:
    """Set or ask one attribute of this process (man 2 prctl); OSError names the option as `name`."""
    words = [ctypes.c_ulong(word) for word in (*arguments, 0, 0, 0, 0)[:4]]
    return _checked("prctl(%s)" % name, _libc.prctl(ctypes.c_int(option), *words))


def fork() -> int:
    """Fork without the hooks that Python and its modules have for it: 0 in the child, or OSError.

    They renew locks that another thread may have held, which a process of one thread does not need and pays for with
    the copies of a hundred pages. What random.py does is left to the caller.
    """
    return _checked("fork", _fork())


def wait4(pid: int, end: "ctypes.Array[ctypes.c_char]") -> None:
    """Reap the child `pid`, which has ended. `end` gets its status and usage, as wire.END has them."""
    status, usage = ctypes.addressof(end), ctypes.addressof(end) + 8
    _checked("wait4", _libc.wait4(pid, ctypes.c_void_p(status), 0, ctypes.c_void_p(usage)))


def continue_with_parents_death() -> None:
    """Have the kernel continue this process, should it be stopped, when its parent ends."""
    prctl("PR_SET_PDEATHSIG", _PR_SET_PDEATHSIG, signal.SIGCONT)


def has_capability(number: int) -> bool:
    """Whether it is in this thread's effective set (capabilities(7))."""
    sets = ctypes.create_string_buffer(24)  # two of {effective, permitted, inheritable}, low words first
    system_call("capget", struct.pack("=Ii", CAPABILITY_VERSION_3, 0), sets)
    effective = struct.unpack_from("=I", sets, 12 if number >= _BITS else 0)[0]
    return bool(effective >> number % _BITS & 1)


def die_with_parent(expected: int) -> None:
    """Have the kernel kill this process when its parent ends: PR_SET_PDEATHSIG(2const).

    `expected` is the parent's number as this process sees it. A later change of credentials would undo the request.
    """
    prctl("PR_SET_PDEATHSIG", _PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before the request took effect; then nobody would ever send the signal.
    if os.getppid() != expected:
        os._exit(1)


def _number(name: str) -> ctypes.c_long:
    numbers = _NUMBERS.get(MACHINE)
    if numbers is None:
        raise OSError(38, "%s: this machine (%s) is not supported" % (name, MACHINE))
    return ctypes.c_long(numbers.get(name) or _COMMON_NUMBERS[name])


def _convert(argument: Argument) -> object:
    # A Python int is passed as a C int by default, which cuts flags and addresses beyond 32 bits.
    return ctypes.c_ulong(argument & 0xFFFFFFFFFFFFFFFF) if isinstance(argument, int) else argument


def _checked(name: str, result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, "%s: %s" % (name, os.strerror(number)))
    return result
