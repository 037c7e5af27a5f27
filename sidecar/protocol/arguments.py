"""A tool's arguments: the text that the host sent, which goes to the tool unchanged, and its value, for validation."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pydantic_core import core_schema

# CPython's own limit for `int`, whose cost is quadratic.
MAX_INTEGER_DIGITS = 4300


@dataclass(frozen=True)
class HugeInteger:
    """Stands for an integer of so many digits that the sidecar leaves its conversion to the tool's own process."""

    literal: str


class Arguments:
    """`text` is JSON and is what the tool gets; where `exact` is false, `value` holds `HugeInteger` in places."""

    __slots__ = ("_exact", "_value", "text")

    def __init__(self, value: Any, text: str, *, exact: bool = True) -> None:
        self._value = value
        self._exact = exact
        self.text = text

    @classmethod
    def unread(cls, text: str) -> Arguments:
        """Those in `text`, which is known to be JSON; their value is made when it is asked for."""
        return cls(_UNREAD, text)

    @property
    def value(self) -> Any:
        """The value."""
        self._read()
        return self._value

    @property
    def exact(self) -> bool:
        """Whether every integer in it is one."""
        self._read()
        return self._exact

    def __eq__(self, other: object) -> bool:
        """Whether a tool gets the same."""
        return isinstance(other, Arguments) and (self.value, self.text) == (other.value, other.text)

    def __hash__(self) -> int:
        """By the text, which the value follows from."""
        return hash(self.text)

    def _read(self) -> None:
        if self._value is _UNREAD:
            try:
                self._value = DECODER.decode(self.text)
            except ValueError:
                self._value, self._exact = PATIENT_DECODER.decode(self.text), False

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> core_schema.CoreSchema:
        """Take what the envelope's reader has wrapped, as it is."""
        return core_schema.is_instance_schema(cls)

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: Any, _handler: Any) -> dict[str, Any]:
        """Say what a host may send."""
        return {"description": "Any JSON value; the tool's schema decides. Absent: {}."}


def refuse_constant(name: str) -> None:
    """For a decoder's `parse_constant`: NaN and the infinities are no JSON."""
    raise ValueError(f"{name} is no JSON number")


def patient_int(literal: str) -> int | HugeInteger:
    """For a decoder's `parse_int`: an integer, or what stands for one that takes too long."""
    return HugeInteger(literal) if len(literal) > MAX_INTEGER_DIGITS else int(literal)


DECODER = json.JSONDecoder(parse_constant=refuse_constant)
PATIENT_DECODER = json.JSONDecoder(parse_constant=refuse_constant, parse_int=patient_int)

_UNREAD: Any = object()
NO_ARGUMENTS = Arguments({}, "{}")
