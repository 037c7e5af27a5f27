"""no_new_privs: no execve(2) can raise privileges from here on; the kernel asks for it before a filter by non-root."""

from typing import Tuple

from . import libc

_PR_SET_NO_NEW_PRIVS = 38


def apply() -> Tuple[str, ...]:
    """prctl(2), PR_SET_NO_NEW_PRIVS; inherited and never to be taken back."""
    libc.prctl("PR_SET_NO_NEW_PRIVS", _PR_SET_NO_NEW_PRIVS, 1)
    return ("no_new_privs",)
