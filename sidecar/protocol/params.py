"""Raw params to a model, and pydantic's complaints to the words of `InvalidParams`.

Invariant: an error names members and rules, never the values that were sent: they may be secrets, and logs keep errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from sidecar.errors import InvalidParams

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

M = TypeVar("M", bound=BaseModel)

_MAX_ERRORS = 20
_MAX_NAME_LENGTH = 100


def parse_params(method: str, model: type[M], params: dict[str, Any]) -> M:
    """Return `params` as a `model`, or raise `InvalidParams`, which lists what does not fit."""
    try:
        return model.model_validate(params)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True, include_input=False)
    errors = [_finding(model, detail) for detail in details[:_MAX_ERRORS]]
    summary = "; ".join(f"{finding['path']}: {finding['message']}" for finding in errors[:3])
    raise InvalidParams(f"{method}: {summary}", errors=errors)


def _finding(model: type[BaseModel], detail: ErrorDetails) -> dict[str, str]:
    path = ".".join(_printable(part) for part in detail["loc"] if not str(part).startswith("function-"))
    kind = detail["type"]
    if kind == "missing":
        message = "is required"
    elif kind == "extra_forbidden":
        message = "is not a member of the params" + _known_members(model, len(detail["loc"]))
    elif kind == "string_pattern_mismatch":
        message = "must be an absolute path" if "/" in str(detail.get("ctx", {}).get("pattern")) else "must be a path"
    elif kind == "string_unicode":
        message = "must be Unicode text without lone surrogates"
    else:
        message = detail["msg"].replace("Input should be ", "must be ").replace("String should", "must")
    return {"path": path, "message": message}


def _known_members(model: type[BaseModel], depth: int) -> str:
    if depth != 1 or not model.model_fields:
        return ""
    names = ", ".join(field.alias or name for name, field in model.model_fields.items())
    return f" (there are: {names})"


def _printable(part: int | str) -> str:
    name = str(part)[:_MAX_NAME_LENGTH]
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
