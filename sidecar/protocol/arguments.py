"""A tool's arguments: the text that the host sent, which goes to the tool unchanged, and its value, for validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic_core import core_schema


@dataclass(frozen=True)
class HugeInteger:
    """Stands for an integer of so many digits that the sidecar leaves its conversion to the tool's own process."""

    literal: str


@dataclass(frozen=True)
class Arguments:
    """`text` is JSON and is what the tool gets; where `exact` is false, `value` holds `HugeInteger` in places."""

    value: Any
    text: str
    exact: bool = True

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> core_schema.CoreSchema:
        """Take what the envelope's reader has wrapped, as it is."""
        return core_schema.is_instance_schema(cls)

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: Any, _handler: Any) -> dict[str, Any]:
        """Say what a host may send."""
        return {"description": "Any JSON value; the tool's schema decides. Absent: {}."}


NO_ARGUMENTS = Arguments({}, "{}")
