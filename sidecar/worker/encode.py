"""A tool's return value as JSON, once, or the path to the value that JSON cannot hold and what to return instead.

Invariant: what `encode` returns is valid JSON in UTF-8, an object with an "ok" key, within the size and depth allowed.
"""

import json
import math
from typing import Any, Iterator, List, Tuple

from .depth import is_deeper_than
from .wire import RESULT_MAX_DEPTH

_ADVICE = (
    ((set, frozenset), "a list: sorted(value) or list(value)"),
    ((bytes, bytearray, memoryview), "text: value.decode() or base64.b64encode(value).decode()"),
    ((complex,), "a list of two numbers"),
)
_ADVICE_BY_NAME = {
    "datetime": "text: value.isoformat()",
    "date": "text: value.isoformat()",
    "time": "text: value.isoformat()",
    "timedelta": "a number: value.total_seconds()",
    "Decimal": "text or a float: str(value) or float(value)",
    "Fraction": "text or a float: str(value) or float(value)",
    "UUID": "text: str(value)",
    "PosixPath": "text: str(value)",
    "generator": "a list: list(value)",
    "coroutine": "its result: await it",
}


# Made once: quicker than json.dumps, and out of a tool's reach that patches json.
_ENCODE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_QUOTE = json.JSONEncoder().encode


class NotSerializable(Exception):
    """The value at `path` cannot be JSON; `type_name` is the exception that the json module raises for it."""

    def __init__(self, path: str, what: str, advice: str, type_name: str) -> None:
        super().__init__("The result cannot be written as JSON: %s is %s; return %s instead." % (path, what, advice))
        self.type_name = type_name


class ResultTooLarge(Exception):
    """The JSON takes more bytes than the call allows."""

    def __init__(self, size: int, max_bytes: int) -> None:
        super().__init__(
            "The result is %d bytes of JSON, %d are allowed. Return less, or a part at a time." % (size, max_bytes)
        )


def encode(value: Any, max_bytes: int) -> bytes:
    """Wrap `value` unless it is a dict with an "ok" key, and write it as JSON."""
    wrapped = value if isinstance(value, dict) and "ok" in value else {"ok": True, "data": value}
    try:
        data = _ENCODE(wrapped).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise _explain(wrapped, error) from None
    if len(data) > max_bytes:
        raise ResultTooLarge(len(data), max_bytes)
    if is_deeper_than(RESULT_MAX_DEPTH, data):
        raise _explain(wrapped, RecursionError())
    return data


def _explain(root: Any, error: Exception) -> NotSerializable:
    """Find the first value that JSON cannot hold. The walk keeps its own stack, since depth may be what is wrong."""
    path: List[str] = []
    open_ids: List[int] = []
    stack: List[Tuple[int, str, Any]] = [(0, "", root)]
    while stack:
        depth, step, value = stack.pop()
        del path[depth:], open_ids[depth:]
        path.append(step)
        where = "".join(path).lstrip(".") or "the result"
        problem = _problem(value)
        if problem is not None:
            return NotSerializable(where, *problem)
        if isinstance(value, (dict, list, tuple)):
            if id(value) in open_ids:
                return NotSerializable(
                    where, "a reference to a value that contains it", "a copy without the cycle", "ValueError"
                )
            if depth >= RESULT_MAX_DEPTH:
                what = "more than %d levels deep" % RESULT_MAX_DEPTH
                return NotSerializable(where, what, "a flatter structure", "RecursionError")
            open_ids.append(id(value))
            for key, child in _children(value):
                if key is None:
                    number = isinstance(child, float)
                    what = repr(float(child)) if number else "of type %s" % type(child).__name__
                    type_name = "ValueError" if number else "TypeError"
                    return NotSerializable(where, "an object with a key " + what, "text as keys: str(key)", type_name)
                stack.append((depth + 1, key, child))
        else:
            open_ids.append(0)
    return NotSerializable("the result", "not what json can write (%s)" % error, "plain data", type(error).__name__)


def _children(value: Any) -> Iterator[Tuple[Any, Any]]:
    if isinstance(value, dict):
        for key in reversed(list(value)):
            if isinstance(key, str):
                plain = key.isidentifier() and _surrogate_free(key)
                yield "." + key if plain else "[%s]" % _QUOTE(key), value[key]
            elif key is None or isinstance(key, int) or (isinstance(key, float) and math.isfinite(key)):
                yield "[%r]" % (key,), value[key]
            else:
                yield None, key
            if isinstance(key, str) and not _surrogate_free(key):
                yield "[%s]" % _QUOTE(key), key
    else:
        for index in range(len(value) - 1, -1, -1):
            yield "[%d]" % index, value[index]


def _problem(value: Any) -> Any:
    if isinstance(value, str):
        if _surrogate_free(value):
            return None
        return (
            "text with a lone surrogate",
            "text that is valid Unicode: value.encode('utf-8', 'replace').decode()",
            "UnicodeEncodeError",
        )
    if isinstance(value, float) and not math.isfinite(value):
        return repr(float(value)), "None or a finite number", "ValueError"
    if value is None or isinstance(value, (bool, int, float, dict, list, tuple)):
        return None
    for types, advice in _ADVICE:
        if isinstance(value, types):
            return "a " + type(value).__name__, advice, "TypeError"
    name = type(value).__name__
    return "a value of type " + name, _ADVICE_BY_NAME.get(name, "a dict, list, text, number, bool or None"), "TypeError"


def _surrogate_free(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
