"""Starts a sidecar as in a container: `python refuse_calls.py namespaces|landlock|both command…`.

A seccomp filter answers EPERM to what builds namespaces and mounts, to what builds Landlock rules, or to both, as a
container's profile does. clone(2) is refused with the flags of namespaces, and clone3(2) does not exist.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys

_SET_NO_NEW_PRIVS, _SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD_WORD, _JUMP_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x15, 0x45, 0x06
_FIRST_ARGUMENT = 16
_LANDLOCK = (444, 445, 446)
# mount, umount2, pivot_root, unshare, setns, chroot
_NAMESPACES = {"x86_64": (165, 166, 155, 272, 308, 161), "aarch64": (40, 39, 41, 97, 268, 51)}
_CLONE, _CLONE3 = {"x86_64": 56, "aarch64": 220}, 435
_NAMESPACE_FLAGS = 0x7E020080


class _Instruction(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_ushort),
        ("true", ctypes.c_ubyte),
        ("false", ctypes.c_ubyte),
        ("value", ctypes.c_uint),
    ]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction))]


def main() -> None:
    what, machine = sys.argv[1], platform.machine()
    namespaces = {"namespaces": True, "both": True, "landlock": False}[what]
    calls = (_NAMESPACES[machine] if namespaces else ()) + (() if what == "namespaces" else _LANDLOCK)
    instructions = [_Instruction(_LOAD_WORD, 0, 0, 0)]
    for number in calls:
        instructions += [_Instruction(_JUMP_EQUAL, 0, 1, number), _Instruction(_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    if namespaces:
        instructions += [
            _Instruction(_JUMP_EQUAL, 0, 1, _CLONE3), _Instruction(_RETURN, 0, 0, _ERRNO | errno.ENOSYS),
            _Instruction(_JUMP_EQUAL, 0, 3, _CLONE[machine]), _Instruction(_LOAD_WORD, 0, 0, _FIRST_ARGUMENT),
            _Instruction(_JUMP_SET, 0, 1, _NAMESPACE_FLAGS), _Instruction(_RETURN, 0, 0, _ERRNO | errno.EPERM),
        ]  # fmt: skip
    instructions.append(_Instruction(_RETURN, 0, 0, _ALLOW))
    program = _Program(len(instructions), (_Instruction * len(instructions))(*instructions))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0)):
        if libc.prctl(*arguments):
            raise OSError(ctypes.get_errno(), "prctl")
    os.execv(sys.argv[2], sys.argv[2:])


main()
