"""How deeply JSON nests, without building it: the worker keeps to the limit, and the sidecar checks that it did."""

from itertools import accumulate, chain

_NOT_QUOTES_OR_BRACKETS = bytes(set(range(256)) - set(b'"[]{}'))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
# Most data is shallow: whatever is left after so many rounds is counted bracket by bracket.
_ROUNDS = 8
_MOST_LEVELS_A_ROUND = 2
_PIECE_BYTES = 1 << 16


def is_deeper_than(levels: int, data: bytes) -> bool:
    """Whether the valid JSON in `data` has containers within containers beyond `levels`."""
    if data.count(b"[") + data.count(b"{") <= levels:
        return False
    brackets = rest = _brackets(data)
    for _ in range(_ROUNDS if levels >= _ROUNDS * _MOST_LEVELS_A_ROUND else 0):
        # The innermost containers are pairs: each round takes one level away, or two where the kinds are right.
        rest = rest.replace(b"[]", b"").replace(b"{}", b"")
        if not rest:
            return False
    # Piece by piece, so that another thread of the process has its turn between two.
    level = 0
    for at in range(0, len(brackets), _PIECE_BYTES):
        piece = brackets[at : at + _PIECE_BYTES]
        walked = list(accumulate(chain((level,), map(_STEP.__getitem__, piece))))
        level = walked[-1]
        if max(walked) > levels:
            return True
    return False


def _brackets(data: bytes) -> bytes:
    """Those that are not in strings. Passes over the whole of `data` are few, and each is C's."""
    marks = data.replace(rb"\\", b"").replace(rb"\"", b"").translate(None, _NOT_QUOTES_OR_BRACKETS)
    # Two quotes side by side enclose nothing, or end one string and begin another: without them, what is within a
    # string still is, and what is not is not.
    marks = marks.replace(b'""', b"")
    return b"".join(marks.split(b'"')[::2])
