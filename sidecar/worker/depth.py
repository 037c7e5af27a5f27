"""How deeply JSON nests, without building it: the worker keeps to the limit, and the sidecar checks that it did."""

from itertools import accumulate

_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def is_deeper_than(levels: int, data: bytes) -> bool:
    """Whether the valid JSON in `data` has containers within containers beyond `levels`."""
    if data.count(b"[") + data.count(b"{") <= levels:
        return False
    # Without escapes every second piece between quotes is a string's inside; a regex would need a stack of its own.
    plain = data.replace(rb"\\", b"").replace(rb"\"", b"")
    brackets = b"".join(plain.split(b'"')[::2]).translate(None, _NOT_BRACKETS)
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > levels
