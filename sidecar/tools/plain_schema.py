"""Schemas so plain that they are valid at a glance: most are, and holding each against its meta-schema takes a while.

Invariant: what has a weight here is valid JSON Schema 2020-12, refers to nothing and is checked in time proportional to
the arguments. What is not known here is left to python-jsonschema, which alone refuses a schema and says why; a test
holds the two together.
"""

from __future__ import annotations

from typing import Any

_TYPES = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
_TEXTS = frozenset({"title", "description", "$comment"})
_COUNTS = frozenset({"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"})
_NUMBERS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_ANYTHING = frozenset({"default", "const"})
_ENUM_PER_STEP = 8
# Deeper ones are no longer plain.
_MAX_DEPTH = 16


class _NotPlain(Exception):
    pass


def weight_of(schema: Any) -> int | None:
    """The steps that checking one value takes at most (`schema.Cost`); None for a schema that is not plain."""
    try:
        return _weight(schema, _MAX_DEPTH)
    except _NotPlain:
        return None


def _weight(schema: Any, depth: int) -> int:
    if not isinstance(schema, dict) or not depth:
        raise _NotPlain
    return 1 + sum(_of_member(keyword, value, depth - 1) for keyword, value in schema.items())


def _of_member(keyword: str, value: Any, depth: int) -> int:
    if keyword == "properties" and isinstance(value, dict):
        return sum(_weight(one, depth) for one in value.values())
    if keyword == "items" or (keyword == "additionalProperties" and not isinstance(value, bool)):
        return _weight(value, depth)
    if keyword == "required":
        return _length_of_texts(value)
    if keyword == "enum":
        # What does not fit has all of them quoted.
        return max(_length_of_texts(value), sum(map(len, value)) // _ENUM_PER_STEP)
    if not _is_plain_value(keyword, value):
        raise _NotPlain
    return 0


def _is_plain_value(keyword: str, value: Any) -> bool:
    if keyword == "type":
        return isinstance(value, str) and value in _TYPES
    if keyword in _TEXTS:
        return isinstance(value, str)
    if keyword in _COUNTS:
        return type(value) is int and value >= 0
    if keyword in _NUMBERS:
        return type(value) in (int, float)
    return keyword in _ANYTHING or (keyword == "additionalProperties" and isinstance(value, bool))


def _length_of_texts(value: Any) -> int:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value) or len(set(value)) != len(value):
        raise _NotPlain
    return len(value)
