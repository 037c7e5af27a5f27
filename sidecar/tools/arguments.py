"""Whether a call's arguments fit the tool's schema, and the result that a model can correct itself with if not.

Invariant: the event loop only ever does checks whose cost is bounded beforehand; all others go to a process that is
killed at a deadline, and one tool has one such check at a time, so that it cannot take every helper.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from sidecar.errors import InvalidTool, QueueFull
from sidecar.tools import plain_schema
from sidecar.tools import schema as schemas
from sidecar.tools.ajv import Finding, findings
from sidecar.tools.validation_pool import CheckFailed, CheckTimedOut

if TYPE_CHECKING:
    from sidecar.protocol.arguments import Arguments
    from sidecar.tools.validation_pool import ValidationPool

MAX_CHECK_MS = 2000
# About 50 ms of python-jsonschema's time.
_INLINE_STEPS = 20_000
# A schema up to this size is held against its meta-schema at once, which takes half a millisecond for each of its
# subschemas. It may be a stranger's (see `derived`), and of very many even the cost takes too long to count.
_INLINE_SCHEMA_BYTES = 4096
_INLINE_SUBSCHEMAS = 50
_COUNTED_SUBSCHEMAS = 1000
_SCHEMA_DEADLINE_S = 10.0
_MAX_QUOTED = 3


class ArgumentCheck:
    """The check for one registered schema. Make it with `create`."""

    def __init__(self, schema: dict[str, Any], text: str, pool: ValidationPool) -> None:
        self._validator = schemas.make_validator(schema)
        counted = text.count("{") <= _COUNTED_SUBSCHEMAS
        self._cost = schemas.cost_of(schema) if counted else schemas.Cost(None)
        self._text = text
        self._pool = pool
        self._turn = asyncio.Lock()

    @classmethod
    async def create(cls, schema: dict[str, Any], text: str, pool: ValidationPool) -> ArgumentCheck:
        """Return the check for `schema`, whose JSON is `text`; `InvalidTool` unless it is a usable schema."""
        try:
            is_quick = text.count("{") <= _INLINE_SUBSCHEMAS or plain_schema.weight_of(schema) is not None
            inline = is_quick and len(text) <= _INLINE_SCHEMA_BYTES
            if inline:
                schemas.check_schema(schema)
            if not inline or schemas.cost_of(schema).weight is None:  # the helper also tries it, and is warm afterwards
                problem = (await pool.ask(text, "", _SCHEMA_DEADLINE_S))["problem"]
                if problem is not None:
                    raise schemas.SchemaProblem(problem["reason"], problem["path"])
        except schemas.SchemaProblem as problem:
            raise _invalid_tool(problem.reason, problem.path) from None
        except CheckFailed as failure:
            raise _invalid_tool(str(failure)) from None
        except CheckTimedOut:
            raise _invalid_tool("checking it took too long") from None
        return cls(schema, text, pool)

    async def result(self, arguments: Arguments, timeout_ms: int) -> bytes | None:
        """Return None where `arguments` fit, and else the `result` member of the reply."""
        if self._cost.allows(arguments.text, _INLINE_STEPS) and arguments.exact:
            errors = findings(self._validator.iter_errors(arguments.value))
            return _fit_result(errors)
        deadline_ms = min(timeout_ms, MAX_CHECK_MS)
        try:
            await asyncio.wait_for(self._turn.acquire(), timeout_ms / 1000)
        except asyncio.TimeoutError:
            raise QueueFull("earlier calls' arguments are still being checked", retryAfterMs=deadline_ms) from None
        try:
            answer = await self._pool.ask(self._text, arguments.text, deadline_ms / 1000)
        except CheckTimedOut:
            return _failed_check(f"took longer than {deadline_ms} ms, perhaps because of a pattern that backtracks")
        except CheckFailed as failure:
            return _failed_check(f"failed: {failure}")
        finally:
            self._turn.release()
        return _fit_result(answer["errors"])


def _fit_result(errors: list[Finding]) -> bytes | None:
    if not errors:
        return None
    quoted = "; ".join(f"{error['instancePath'] or 'args'} {error['message']}" for error in errors[:_MAX_QUOTED])
    more = f" (and {len(errors) - _MAX_QUOTED} more)" if len(errors) > _MAX_QUOTED else ""
    return _result(
        f"The arguments do not fit the tool's schema: {quoted}{more}",
        errors,
        "Correct what `errors` lists and call the tool again.",
    )


def _failed_check(reason: str) -> bytes:
    return _result(
        f"Checking the arguments against the tool's schema {reason}.",
        [],
        "Send shorter or simpler arguments, or simplify the schema's patterns.",
    )


def _result(message: str, errors: list[Finding], hint: str) -> bytes:
    error = {"message": message, "type": "ValidationError", "code": "invalid_args", "errors": errors, "hint": hint}
    return json.dumps({"ok": False, "error": error}).encode()


def _invalid_tool(reason: str, path: str = "") -> InvalidTool:
    # A schema has no lines of its own; hosts rely on the members all the same.
    message = f"schema is not a usable JSON Schema: {reason}"
    return InvalidTool(message, path=path, reason=reason, line=1, column=1)
