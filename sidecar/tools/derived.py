"""What a tool's own worker says that its type hints mean: read as the stranger's word that it is.

Invariant: a schema leaves here only if each of its keywords is one that type hints can lead to, and its references
stay in it: no pattern to backtrack in, nothing to fetch. Whether it is valid is for `ArgumentCheck` to say.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from sidecar.worker.depth import is_deeper_than
from sidecar.worker.wire import DERIVED_MAX_BYTES

_MAX_DEPTH = 64
_MAX_PROBLEM_CHARS = 300
_DEFINITION = "#/$defs/"
# Keywords whose values are plain JSON; those that hold schemas are in `_inner`.
_PLAIN = frozenset({"type", "required", "enum", "minItems", "maxItems", "format", "description", "default"})


class Derived(NamedTuple):
    """A schema and a description, None where the code says nothing of them, or the `problem` why there is no schema."""

    schema: dict[str, Any] | None = None
    schema_text: str = ""
    description: str | None = None
    problem: str = ""


NOTHING = Derived()


class _Refused(ValueError):
    """No worker of ours says that."""


def read(answer: bytes) -> Derived:
    """Return what `answer` says, or a `problem` where it is not what a worker of ours would have written."""
    try:
        said = _parse(answer)
        problem, schema, description = said.get("problem"), said.get("schema"), said.get("description")
        if isinstance(problem, str):
            return Derived(problem=_one_line(problem))
        if not isinstance(description, str):
            description = None
        if schema is None:
            return Derived(description=description)
        _check(schema)
    except (ValueError, RecursionError):
        return Derived(problem="what its process wrote is no schema of type hints")
    return Derived(schema, json.dumps(schema, sort_keys=True, separators=(",", ":")), description)


def _parse(answer: bytes) -> dict[str, Any]:
    if len(answer) > DERIVED_MAX_BYTES or is_deeper_than(_MAX_DEPTH, answer):
        raise _Refused
    found = json.loads(answer.decode("utf-8"), parse_constant=_refuse, parse_float=_finite)
    json.dumps(found, ensure_ascii=False).encode("utf-8")  # UnicodeEncodeError for half a surrogate pair
    if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], dict):
        raise _Refused
    said: dict[str, Any] = found[0]
    return said


def _check(schema: Any) -> None:
    if not isinstance(schema, dict):
        raise _Refused
    for keyword, value in schema.items():
        if keyword == "$ref":
            if not isinstance(value, str) or not value.startswith(_DEFINITION):
                raise _Refused
        elif keyword not in _PLAIN:
            for inner in _inner(keyword, value):
                _check(inner)


def _inner(keyword: str, value: Any) -> list[Any]:
    """Return the schemas in the value of a keyword that holds some."""
    if keyword in ("properties", "$defs") and isinstance(value, dict):
        return list(value.values())
    if keyword in ("anyOf", "prefixItems") and isinstance(value, list):
        return value
    if keyword == "items" or (keyword == "additionalProperties" and value is not False):
        return [value]
    if keyword == "additionalProperties":
        return []
    raise _Refused


def _one_line(text: str) -> str:
    printable = "".join(one if one.isprintable() else " " for one in text[:_MAX_PROBLEM_CHARS])
    return printable + ("…" if len(text) > _MAX_PROBLEM_CHARS else "")


def _finite(literal: str) -> float:
    value = float(literal)
    if value in (float("inf"), float("-inf")):
        raise _Refused
    return value


def _refuse(name: str) -> None:
    raise _Refused(name)
