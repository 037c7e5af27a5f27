"""The members of a large JSON object, found without making a value of what is in them.

Reading a value costs thirty times what passing over it does, and much more memory, and most of a large message is only
passed on. Invariant: what is found here is what the standard library's decoder would have found. Where that is not
sure, nothing is found, and that decoder has the word: malformed text, half a surrogate pair, nesting beyond the
interpreter's own limit. Whether the bytes are UTF-8 is for the caller to know.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import msgspec


def skim(data: bytes) -> dict[str, bytes] | None:
    """Each member of the object in `data`, as the JSON of its value; None where it has to be read."""
    try:
        members = _decoder().decode(data)
    except (ValueError, RecursionError):  # a DecodeError is a ValueError
        return None
    return {name: bytes(value) for name, value in members.items()}


@functools.cache
def _decoder() -> msgspec.json.Decoder[dict[str, msgspec.Raw]]:
    import msgspec  # the first large message can wait for it, a start cannot

    return msgspec.json.Decoder(dict[str, msgspec.Raw])
