"""The pydantic model of what a host sends: every method's params. The wire's names are camelCase.

Invariant: params are strict (no coercion, no unknown member), so that a host's mistake is an error that names the
member and never a default that is silently used. `true` is no number; `60000.0` is the integer 60000, as JavaScript
has one kind of number.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from sidecar.config import MAX_MEMORY_MB, MAX_TIMEOUT_MS, MIN_MEMORY_MB, MIN_TIMEOUT_MS
from sidecar.protocol.arguments import NO_ARGUMENTS, Arguments

MAX_ID_LENGTH = 256
MAX_CODE_LENGTH = 8 * 1024 * 1024


def wire_name(name: str) -> str:
    """Return a member's name on the wire: camelCase, with MB for megabytes."""
    camel = to_camel(name)
    return f"{camel[:-2]}MB" if camel.endswith("Mb") else camel


def _integral(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


Id = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID_LENGTH)]
Code = Annotated[str, StringConstraints(max_length=MAX_CODE_LENGTH)]
AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/[^\x00]*$", max_length=4096)]
Interpreter = Annotated[str, StringConstraints(pattern=r"^[^\x00]+$", max_length=4096)]
TimeoutMs = Annotated[int, Field(ge=MIN_TIMEOUT_MS, le=MAX_TIMEOUT_MS), BeforeValidator(_integral)]
MemoryMB = Annotated[int, Field(ge=MIN_MEMORY_MB, le=MAX_MEMORY_MB), BeforeValidator(_integral)]

# W3C Trace Context; what a later version of it adds comes behind.
TraceParent = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[\x20-\x7e]*)?$", max_length=512),
]

# As `config.LEVELS`.
Level = Literal["strict", "process"]


class Params(BaseModel):
    """What a host sends."""

    model_config = ConfigDict(
        alias_generator=wire_name,
        strict=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        defer_build=True,
    )


class NoParams(Params):
    """A method that takes nothing."""


class ClientInfo(Params):
    """Who the host is; for its own logs."""

    name: str
    version: str | None = None


class InitializeParams(Params):
    """Params of `initialize`. Unknown members are ignored: this is where versions meet."""

    model_config = ConfigDict(extra="ignore")

    client_info: ClientInfo | None = None


class RegisterParams(Params):
    """Params of `register`. `owner`: which part of the host the tool belongs to; each has ids of its own."""

    id: Id
    owner: Id | None = None
    code: Code
    name: str | None = None
    description: str | None = None
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")] = None
    python_path: Interpreter | None = None
    timeout: TimeoutMs | None = None
    max_memory_mb: MemoryMB | None = None
    min_isolation: Level | None = None
    working_dir: AbsolutePath | None = None
    warm: bool = False
    replace: bool = False


class RunParams(Params):
    """Params of `run`: `id` of a registered tool, or `code`."""

    id: Id | None = None
    owner: Id | None = None
    code: Code | None = None
    args: Arguments = Field(default_factory=lambda: NO_ARGUMENTS)
    python_path: Interpreter | None = None
    timeout: TimeoutMs | None = None
    max_memory_mb: MemoryMB | None = None
    min_isolation: Level | None = None
    working_dir: AbsolutePath | None = None
    run_id: Id | None = None
    traceparent: TraceParent | None = None
    stream: bool = False


class ValidateParams(Params):
    """Params of `validate`."""

    code: Code
    python_path: Interpreter | None = None


class UnregisterParams(Params):
    """Params of `unregister`."""

    id: Id
    owner: Id | None = None


class ListParams(Params):
    """Params of `list`: whose tools."""

    owner: Id | None = None


class CancelParams(BaseModel):
    """Params of `$/cancelRequest`."""

    id: Any
