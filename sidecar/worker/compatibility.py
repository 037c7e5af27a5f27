"""Where the jail refuses what the standard library does by default, and means the same another way. No protection.

Shared anonymous memory is refused (see `jail.rules`), and `mmap.mmap(-1, n)` asks for it. In a process that can have no
child, private memory is the same thing.
"""

import mmap
from typing import Any

_SHARED = mmap.MAP_SHARED


class _AnonymousIsPrivate(mmap.mmap):
    """`mmap.mmap`, with MAP_PRIVATE where it is asked for memory and not for a file."""

    def __new__(cls, fileno: int, length: int, *args: Any, **kwargs: Any) -> Any:
        """As mmap.mmap(fileno, length, flags=..., prot=..., access=..., offset=...)."""
        if fileno == -1:
            args, kwargs = _private(args, kwargs)
        return super().__new__(cls, fileno, length, *args, **kwargs)


def install() -> None:
    """Put it in place of the original, under the original's name."""
    _AnonymousIsPrivate.__name__ = _AnonymousIsPrivate.__qualname__ = "mmap"
    _AnonymousIsPrivate.__module__ = "mmap"
    mmap.mmap = _AnonymousIsPrivate  # type: ignore[misc]


def _private(args: Any, kwargs: Any) -> Any:
    access = kwargs.get("access", args[2] if len(args) > 2 else 0)  # noqa: PLR2004 - the third of the optional ones
    if access == mmap.ACCESS_WRITE:
        # ACCESS_COPY is private and writable; of memory that nobody else has, there is no other copy.
        kwargs = dict(kwargs, access=mmap.ACCESS_COPY)
        return args[:2], kwargs
    if access == mmap.ACCESS_READ:
        return (), {"flags": mmap.MAP_PRIVATE, "prot": mmap.PROT_READ}
    flags = kwargs.pop("flags", args[0] if args else _SHARED)
    private = flags & ~_SHARED | mmap.MAP_PRIVATE if flags & _SHARED else flags
    return (private, *args[1:]), kwargs
