"""Texts to look for in a process's memory, told in a form that does not put them there."""

from __future__ import annotations

import secrets

_ADDED = 77


def masked(data: bytes) -> str:
    """As the scanner takes it."""
    return bytes((value + _ADDED) % 256 for value in data).hex()


def unmasked(text: str) -> bytes:
    """What the scanner gave."""
    return bytes((value - _ADDED) % 256 for value in bytes.fromhex(text))


def new_text() -> str:
    """A text that is nowhere yet."""
    return "mark" + secrets.token_hex(6)


def forms(text: str) -> dict[str, bytes]:
    """A text as CPython keeps it: one, two or four bytes a character, by the widest of its string."""
    return {"one byte": text.encode(), "two bytes": text.encode("utf-16-le"), "four bytes": text.encode("utf-32-le")}
