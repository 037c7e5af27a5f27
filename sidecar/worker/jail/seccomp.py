"""The system-call filter: an allow-list compiled to classic BPF. seccomp(2), kernel doc userspace-api/seccomp_filter.

Answers, never death: EPERM for what is denied, ENOSYS for what does not exist here, and 0 for what is skipped because
only other runs could notice it. Other ABIs of the same machine (x32, i386) get ENOSYS throughout.
"""

import ctypes
import struct
from typing import Dict, Iterable, List, Tuple

from . import libc
from .rules import ALLOW, DENY, ENOSYS, JA, JEQ, JGE, LD_ABS, Code, answer, rules
from .rules import among_others as rules_among_others
from .syscalls import ALLOWED, DENIED, RESTRICTED, Numbers

_NR, _ARCH = 0, 4  # offsets in struct seccomp_data
_FARTHEST_BRANCH = 255  # a conditional jump has eight bits, JA has 32

_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

_SET_MODE_FILTER = 1
_FLAG_TSYNC = 1


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32)]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction))]


class Filter:
    """A compiled filter, made once in the zygote. `among_others` as in `rules.among_others`."""

    def __init__(self, *, among_others: bool) -> None:
        if libc.MACHINE not in _MACHINES:
            raise OSError(ENOSYS, "seccomp: no filter for machine %s" % libc.MACHINE)
        # Where a rule depends on the worker's pid, two filters for different ones differ.
        code, other = (_compile(libc.MACHINE, pid, among_others=among_others) for pid in (1, 2))
        self._by_pid = [(at, a[3], b[3] - a[3]) for at, (a, b) in enumerate(zip(code, other)) if a != b]
        self._instructions = (_Instruction * len(code))(*(_Instruction(*one) for one in code))
        self._program = _Program(len(code), self._instructions)

    def apply(self, pid: int) -> Tuple[str, ...]:
        """Put the filter in force for every thread of this process, `pid`; it cannot be taken away again."""
        self._set_pid(pid)
        libc.system_call("seccomp", _SET_MODE_FILTER, _FLAG_TSYNC, ctypes.addressof(self._program))
        return ("seccomp",)

    def encoded_for(self, pid: int) -> bytes:
        """What `apply` would put in force, as `encoded` gives it."""
        self._set_pid(pid)
        return bytes(self._instructions)

    def _set_pid(self, pid: int) -> None:
        for at, first, step in self._by_pid:
            self._instructions[at].k = first + (pid - 1) * step & 0xFFFFFFFF


def encoded(pid: int, machine: str, *, among_others: bool = False) -> bytes:
    """The filter for `machine` as struct sock_filter records, for tests and audits on any machine."""
    code = _compile(machine, pid, among_others=among_others)
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _compile(machine: str, pid: int, *, among_others: bool) -> Code:
    column, arch = _MACHINES[machine]
    answers = {number: [ALLOW] for number in _numbers(ALLOWED.values(), column)}
    answers.update((number, [DENY]) for number in _numbers(DENIED.values(), column))
    by_name = dict(rules(pid), **(rules_among_others(pid) if among_others else {}))
    known = dict(ALLOWED, **RESTRICTED)
    for name, code in by_name.items():
        answers.update((number, code) for number in _numbers([known[name]], column))
    return [(LD_ABS, 0, 0, _ARCH), (JEQ, 1, 0, arch), answer(ENOSYS), (LD_ABS, 0, 0, _NR), *_search(_ranges(answers))]


def _ranges(answers: Dict[int, Code]) -> List[Tuple[int, Code]]:
    """Every number there can be, as (first, what to answer) in order; x32's numbers, from 2**30 on, are in the last."""
    nothing: Code = [answer(ENOSYS)]
    ranges: List[Tuple[int, Code]] = []
    for number in range(max(answers) + 2):
        code = answers.get(number, nothing)
        if not ranges or ranges[-1][1] != code:
            ranges.append((number, code))
    return ranges


def _search(ranges: List[Tuple[int, Code]]) -> Code:
    """Search by halves: the kernel runs the filter once for each number when it is installed, in every worker.

    Each range's code ends in an answer on every path, so nothing falls from one into the next.
    """
    if len(ranges) == 1:
        return ranges[0][1]
    middle = len(ranges) // 2
    below, above = _search(ranges[:middle]), _search(ranges[middle:])
    if len(above) <= _FARTHEST_BRANCH:
        return [(JGE, 0, len(above), ranges[middle][0]), *above, *below]
    return [(JGE, 1, 0, ranges[middle][0]), (JA, 0, 0, len(above)), *above, *below]


def _numbers(entries: Iterable[Numbers], column: int) -> List[int]:
    return [number for number in (entry[column] for entry in entries) if number is not None]
