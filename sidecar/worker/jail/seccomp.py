"""The system-call filter: an allow-list compiled to classic BPF. seccomp(2), kernel doc userspace-api/seccomp_filter.

Answers, never death: EPERM for what is denied, ENOSYS for what does not exist here, and 0 for what is skipped because
only other runs could notice it. Other ABIs of the same machine (x32, i386) get ENOSYS throughout.
"""

import ctypes
import struct
from typing import Iterable, List, Tuple

from . import libc
from .rules import ALLOW, DENY, ENOSYS, JEQ, JGE, LD_ABS, Code, answer, rules
from .syscalls import ALLOWED, DENIED, RESTRICTED, Numbers

_NR, _ARCH = 0, 4  # offsets in struct seccomp_data
_X32_BIT = 0x40000000

_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

_SET_MODE_FILTER = 1
_FLAG_TSYNC = 1


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32)]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction))]


class Filter:
    """A compiled filter, made once in the zygote; `pid` is what each worker's getpid(2) will answer."""

    def __init__(self, pid: int) -> None:
        if libc.MACHINE not in _MACHINES:
            raise OSError(ENOSYS, "seccomp: no filter for machine %s" % libc.MACHINE)
        code = _compile(libc.MACHINE, pid)
        self._instructions = (_Instruction * len(code))(*(_Instruction(*one) for one in code))
        self._program = _Program(len(code), self._instructions)

    def apply(self) -> Tuple[str, ...]:
        """Put the filter in force for every thread of this process; it cannot be taken away again."""
        libc.system_call("seccomp", _SET_MODE_FILTER, _FLAG_TSYNC, ctypes.addressof(self._program))
        return ("seccomp",)


def encoded(pid: int, machine: str) -> bytes:
    """The filter for `machine` as struct sock_filter records, for tests and audits on any machine."""
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in _compile(machine, pid))


def _compile(machine: str, pid: int) -> Code:
    column, arch = _MACHINES[machine]
    code: Code = [(LD_ABS, 0, 0, _ARCH), (JEQ, 1, 0, arch), answer(ENOSYS), (LD_ABS, 0, 0, _NR)]
    if machine == "x86_64":
        code += [(JGE, 0, 1, _X32_BIT), answer(ENOSYS)]
    for number in sorted(_numbers(ALLOWED.values(), column)):
        code += [(JEQ, 0, 1, number), ALLOW]
    for number in _numbers(DENIED.values(), column):
        code += [(JEQ, 0, 1, number), DENY]
    by_name = rules(pid)
    for name, numbers in RESTRICTED.items():
        for number in _numbers([numbers], column):
            # Every path through a rule ends in an answer, so only a mismatch comes to what follows it.
            code += [(JEQ, 0, len(by_name[name]), number), *by_name[name]]
    return [*code, answer(ENOSYS)]


def _numbers(entries: Iterable[Numbers], column: int) -> List[int]:
    return [number for number in (entry[column] for entry in entries) if number is not None]
