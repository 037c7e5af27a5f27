"""A tool's code, compiled once: bytes that one worker makes of the source alone and that each call's worker loads.

Both are jailed, and the one that compiles has neither arguments nor runs anything. Invariant: these bytes are loaded
only behind a closed jail, for a call of the very source that they were made of, since whoever could forge them could
only forge code for that same tool.
"""

import marshal
from importlib.util import MAGIC_NUMBER
from types import CodeType
from typing import NamedTuple, Optional

from .reach import can_reach_a_wall

_NEAR, _FAR = b"n", b"f"
_HEAD_BYTES = 1 + len(MAGIC_NUMBER)


class Compiled(NamedTuple):
    """The code, and whether it can come near a wall of the jail (see `reach`), which takes a while to tell."""

    code: CodeType
    is_near_a_wall: bool


def of(code: CodeType) -> Compiled:
    """As compiled just now."""
    return Compiled(code, can_reach_a_wall(code))


def dump(compiled: Compiled) -> bytes:
    """For `load`, in an interpreter whose bytecode is the same."""
    return (_NEAR if compiled.is_near_a_wall else _FAR) + MAGIC_NUMBER + marshal.dumps(compiled.code)


def load(data: bytes) -> Optional[Compiled]:
    """None where that is no code of this interpreter's: then the source is there."""
    if data[1:_HEAD_BYTES] != MAGIC_NUMBER:
        return None  # it was upgraded meanwhile: marshal itself does not tell, and other bytecode crashes it
    try:
        code = marshal.loads(data[_HEAD_BYTES:])
    except (ValueError, EOFError, TypeError):
        return None
    return Compiled(code, data[:1] != _FAR) if isinstance(code, CodeType) else None
