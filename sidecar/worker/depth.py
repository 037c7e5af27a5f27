"""How deeply JSON nests, without building it: the worker keeps to the limit, and the sidecar checks that it did."""

import re
from itertools import accumulate

_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def is_deeper_than(levels: int, data: bytes) -> bool:
    """Whether the valid JSON in `data` has containers within containers beyond `levels`."""
    if data.count(b"[") + data.count(b"{") <= levels:
        return False
    brackets = _STRINGS.sub(b"", data).translate(None, _NOT_BRACKETS)
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > levels
