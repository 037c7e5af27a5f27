"""What a large JSON object says, found without making a value of what is in it.

Reading a value costs thirty times what passing over it does, and much more memory, and most of a large message is only
passed on. Invariant: what is found here is what the standard library's decoder would have found. Where that is not
sure, nothing is found, and that decoder has the word: malformed text, half a surrogate pair, nesting beyond the
interpreter's own limit. Whether the bytes are UTF-8 is for the caller to know.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import msgspec


def skim(data: bytes) -> dict[str, bytes] | None:
    """Each member of the object in a host's `data`, as the JSON of its value; None where it has to be read."""
    members = _decoded(_members(), data)
    return None if members is None else {name: bytes(value) for name, value in members.items()}


def skim_ok(data: bytes) -> bytes | None:
    """The JSON of the member `ok` of the object in a stranger's `data`; None where it has to be read, or has none.

    Of the other members nothing is kept, not even their names: there may be a million.
    """
    said = _decoded(_only_ok(), data)
    return bytes(said.ok) or None if said is not None else None


def _decoded(decoder: msgspec.json.Decoder[Any], data: bytes) -> Any:
    try:
        return decoder.decode(data)
    except (ValueError, RecursionError):  # a DecodeError is a ValueError
        return None


# The first large message can wait for the import, a start cannot.
@functools.cache
def _members() -> msgspec.json.Decoder[Any]:
    import msgspec

    return msgspec.json.Decoder(dict[str, msgspec.Raw])


@functools.cache
def _only_ok() -> msgspec.json.Decoder[Any]:
    import msgspec

    return msgspec.json.Decoder(msgspec.defstruct("_OnlyOk", [("ok", msgspec.Raw, msgspec.Raw(b""))]))
