"""The compiled filter, for both machines, run by a small interpreter of classic BPF: what it answers to which call."""

from __future__ import annotations

import functools
import itertools
import platform
import struct

import pytest

from sidecar.worker.jail import seccomp
from sidecar.worker.jail.syscalls import ALLOWED, DENIED, RESTRICTED

ALLOW, PRETEND, EPERM, ENOSYS, UNSUPPORTED = 0x7FFF0000, 0x00050000, 0x00050001, 0x00050026, 0x0005005F
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
PID = 1


def answer(
    machine: str, number: int, *arguments: int, arch: int | None = None, pid: int = PID, among_others: bool = False
) -> int:
    """Run the filter over one struct seccomp_data and return its verdict."""
    words = [*arguments, *itertools.repeat(0, 6 - len(arguments))]
    native = ARCHITECTURES[machine][1] if arch is None else arch
    data = struct.pack("=IIQ6Q", number & 0xFFFFFFFF, native, 0, *(word & (1 << 64) - 1 for word in words))
    program = list(struct.iter_unpack("=HBBI", _encoded(pid, machine, among_others=among_others)))
    accumulator, at = 0, 0
    while True:
        code, if_true, if_false, operand = program[at]
        at += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, operand)
        elif code == 0x54:
            accumulator &= operand
        elif code == 0x06:
            return int(operand)
        elif code == 0x05:
            at += operand
        else:
            holds = {
                0x15: accumulator == operand,
                0x35: accumulator >= operand,
                0x45: bool(accumulator & operand),
            }[code]
            at += if_true if holds else if_false


@functools.cache
def _encoded(pid: int, machine: str, *, among_others: bool) -> bytes:
    return seccomp.encoded(pid, machine, among_others=among_others)


def number(machine: str, name: str) -> int:
    entry = {**ALLOWED, **DENIED, **RESTRICTED}[name][ARCHITECTURES[machine][0]]
    assert entry is not None
    return entry


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_each_call_gets_the_answer_of_its_table_and_every_other_one_does_not_exist(machine: str) -> None:
    column = ARCHITECTURES[machine][0]
    tables = [(ALLOWED, ALLOW), (DENIED, EPERM)]
    expected = {entry[column]: verdict for table, verdict in tables for entry in table.values()}
    restricted = {entry[column] for entry in RESTRICTED.values()}
    for call in itertools.chain(range(700), (-1, 1 << 31, 0x40000000, 0x40000000 + 59)):
        if call not in restricted:
            assert answer(machine, call) == expected.get(call, ENOSYS), call


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize("arch", [0x40000003, 0x40000028, 0xC000003E ^ 1])
def test_other_machines_calls_do_not_exist(machine: str, arch: int) -> None:
    assert {answer(machine, call, arch=arch) for call in range(500)} == {ENOSYS}


HIGH = 1 << 32
CASES = [
    ("clone", (0x3D0F00,), ALLOW),  # what glibc's threads ask for
    ("clone", (0x11,), EPERM),  # fork
    ("clone", (0x3D0F00 | 0x10000000,), EPERM),  # a user namespace
    ("clone", (0x3D0F00 & ~0x400,), EPERM),  # descriptors of its own
    ("close_range", (3, 255, 2), EPERM),
    ("close_range", (3, 255, 4), ALLOW),
    ("fcntl", (0, 6), PRETEND),
    ("fcntl", (0, 5), ALLOW),
    ("fcntl", (0, 1024), EPERM),  # F_SETLEASE
    ("fcntl", (0, 1031), EPERM),  # F_SETPIPE_SZ
    ("fcntl", (0, 4, 0x800), ALLOW),
    ("fcntl", (0, 4, 0x4000), EPERM),
    ("fcntl", (0, 4, 0x10000), EPERM),
    ("futex", (0, 0x80 | 1), ALLOW),
    ("futex", (0, 0), PRETEND),
    ("futex", (0, 0x109), PRETEND),
    ("futex", (0, 1), EPERM),
    ("getpriority", (0, 0), ALLOW),
    ("getpriority", (0, 77), EPERM),
    ("getpriority", (2, 0), EPERM),
    ("getsockopt", (3, 1, 4), ALLOW),
    ("getsockopt", (3, 1, 77), EPERM),
    ("ioctl", (0, 0x5401), ALLOW),
    ("ioctl", (0, 0x5412), EPERM),  # TIOCSTI
    ("kill", (PID, 9), ALLOW),
    ("kill", (2, 9), EPERM),
    ("kill", (-1, 9), EPERM),
    ("madvise", (0, 0, 4), ALLOW),
    ("madvise", (0, 0, 21), EPERM),
    ("mmap", (0, 1, 3, 0x22), ALLOW),
    ("mmap", (0, 1, 1, 0x01), ALLOW),
    ("mmap", (0, 1, 3, 0x21), EPERM),
    ("mmap", (0, 1, 3, 0x23), EPERM),
    ("mmap", (0, 1, 3, 0x40022), EPERM),
    ("openat", (0, 0, 0x80241), ALLOW),  # O_WRONLY, and what Python adds
    ("openat", (0, 0, 0x200000), ALLOW),  # O_PATH
    ("openat", (0, 0, 3), EPERM),
    ("prctl", (15,), ALLOW),
    ("prctl", (4, 1), EPERM),
    ("prlimit64", (0, 7), ALLOW),
    ("prlimit64", (2, 7), EPERM),
    ("renameat2", (0, 0, 0, 0, 1), ALLOW),
    ("renameat2", (0, 0, 0, 0, 4), EPERM),
    ("sendto", (3, 0, 0, 0, 0), ALLOW),
    ("sendto", (3, 0, 0, 0, HIGH), EPERM),
    ("sendto", (3, 0, 0, 0, 1), EPERM),
    ("sendto", (3, 0, 0, 1, 0), EPERM),
    ("socketpair", (1, 1 | 0x80800), ALLOW),
    ("socketpair", (1, 2), EPERM),
    ("socketpair", (2, 1), EPERM),
    ("tgkill", (PID, 5, 6), ALLOW),
    ("tgkill", (7, 7, 6), EPERM),
]


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize(("name", "arguments", "expected"), CASES)
def test_a_restricted_call_is_judged_by_its_arguments(
    machine: str, name: str, arguments: tuple[int, ...], expected: int
) -> None:
    assert answer(machine, number(machine, name), *arguments) == expected


def test_every_restricted_call_is_in_the_table_above() -> None:
    only_skipped = {"fadvise64", "fdatasync", "flock", "fsync", "msync", "recvfrom", "open"}
    assert {name for name, _, _ in CASES} | only_skipped == set(RESTRICTED)


OWN = 4321
AMONG_OTHERS = [
    ("fchmodat", (0, 0, 0o777), PRETEND),
    ("utimensat", (0, 0, 0), PRETEND),
    ("getxattr", (0, 0, 0), UNSUPPORTED),
    ("fallocate", (5, 0, 0, 1), UNSUPPORTED),
    ("copy_file_range", (5, 0, 6, 0, 1), ENOSYS),
    ("getppid", (), PRETEND),
    ("getsid", (77,), PRETEND),
    ("kill", (OWN, 9), ALLOW),
    ("kill", (1, 9), EPERM),
    ("tgkill", (OWN, OWN, 6), ALLOW),
    ("sched_getaffinity", (OWN,), ALLOW),
    ("sched_getaffinity", (1,), EPERM),
    ("prlimit64", (OWN, 7), ALLOW),
    ("clock_gettime", (1,), ALLOW),
    ("clock_gettime", (0xFFFFFFFA,), ALLOW),  # its own CPU time
    ("clock_gettime", (~OWN << 3 & 0xFFFFFFFF | 2,), ALLOW),
    ("clock_gettime", (~1 << 3 & 0xFFFFFFFF | 2,), EPERM),  # that of process 1
    ("timer_create", (~77 << 3 & 0xFFFFFFFF | 6,), EPERM),
    ("openat", (0, 0, 3), EPERM),
    ("openat", (0, 0, 0x410002), UNSUPPORTED),  # O_TMPFILE
    ("socketpair", (1, 1), ALLOW),
]


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize(("name", "arguments", "expected"), AMONG_OTHERS)
def test_among_others_what_they_have_and_are_cannot_be_asked_or_changed(
    machine: str, name: str, arguments: tuple[int, ...], expected: int
) -> None:
    assert answer(machine, number(machine, name), *arguments, pid=OWN, among_others=True) == expected


@pytest.mark.parametrize("pid", [1, 2, 300, OWN, 4_194_303])
def test_a_filter_for_one_process_becomes_that_of_another_by_its_numbers(pid: int) -> None:
    made = seccomp.Filter(among_others=True)
    assert made.encoded_for(pid) == seccomp.encoded(pid, platform.machine(), among_others=True)
