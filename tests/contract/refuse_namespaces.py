"""Starts a sidecar on a machine that can isolate nothing: `python refuse_namespaces.py command…`.

A seccomp filter answers EPERM to what builds namespaces, mounts and Landlock rules, as a container's profile does.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys

_SET_NO_NEW_PRIVS, _SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD_WORD, _JUMP_EQUAL, _RETURN = 0x20, 0x15, 0x06
_LANDLOCK = (444, 445, 446)
_CALLS = {
    "x86_64": (165, 166, 155, 272, 308, 161, *_LANDLOCK),  # mount, umount2, pivot_root, unshare, setns, chroot
    "aarch64": (40, 39, 41, 97, 268, 51, *_LANDLOCK),
}


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
    calls = _CALLS[platform.machine()]
    instructions = [_Instruction(_LOAD_WORD, 0, 0, 0)]
    for index, number in enumerate(calls):
        instructions.append(_Instruction(_JUMP_EQUAL, len(calls) - index, 0, number))
    instructions.append(_Instruction(_RETURN, 0, 0, _ALLOW))
    instructions.append(_Instruction(_RETURN, 0, 0, _ERRNO | errno.EPERM))
    program = _Program(len(instructions), (_Instruction * len(instructions))(*instructions))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0)):
        if libc.prctl(*arguments):
            raise OSError(ctypes.get_errno(), "prctl")
    os.execv(sys.argv[1], sys.argv[1:])


main()
