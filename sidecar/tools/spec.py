"""One registered tool, frozen: two registrations are the same content exactly when their specs are equal."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sidecar.errors import InvalidParams

if TYPE_CHECKING:
    from sidecar.config import Config
    from sidecar.protocol.messages import RegisterParams, RunParams


@dataclass(frozen=True)
class ToolSpec:
    """What the host registered. `schema_text` is the schema as canonical JSON; `schema` is what it was made from."""

    id: str
    code: str
    name: str | None = None
    description: str | None = None
    schema_text: str | None = None
    python_path: str | None = None
    timeout_ms: int | None = None
    max_memory_mb: int | None = None
    min_isolation: str | None = None
    working_dir: str | None = None
    warm: bool = False
    # None: the tools of a host that has one owner for all.
    owner: str | None = None
    # `1 == True` in Python: the text is what counts when two specs are compared.
    schema: dict[str, Any] | None = field(default=None, compare=False)

    @classmethod
    def from_params(cls, params: RegisterParams) -> ToolSpec:
        """Return the spec of a registration; `InvalidParams` for a schema with numbers that JSON cannot carry on."""
        return cls(
            id=params.id,
            code=params.code,
            name=params.name,
            description=params.description,
            schema_text=None if params.schema_ is None else _canonical(params.schema_),
            python_path=params.python_path,
            timeout_ms=params.timeout,
            max_memory_mb=params.max_memory_mb,
            min_isolation=params.min_isolation,
            working_dir=params.working_dir,
            warm=params.warm,
            owner=params.owner,
            schema=params.schema_,
        )

    @property
    def key(self) -> tuple[str | None, str]:
        """What the registry knows it by."""
        return self.owner, self.id

    @property
    def code_hash(self) -> str:
        """The SHA-256 of the code's UTF-8, in hexadecimal."""
        return hashlib.sha256(self.code.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Settings:
    """What one call runs under: the call's word goes before the registration's, and that before the configuration's."""

    python_path: str
    timeout_ms: int
    max_memory_mb: int
    min_isolation: str
    working_dir: str | None

    @classmethod
    def resolve(cls, call: RunParams, tool: ToolSpec | None, config: Config) -> Settings:
        """Return the settings of `call`, of a registered `tool` or of inline code."""
        tool = tool or ToolSpec(id="", code="")
        return cls(
            python_path=call.python_path or tool.python_path or config.python_path,
            timeout_ms=call.timeout or tool.timeout_ms or config.limits.timeout_ms,
            max_memory_mb=call.max_memory_mb or tool.max_memory_mb or config.limits.max_memory_mb,
            min_isolation=call.min_isolation or tool.min_isolation or config.min_isolation,
            working_dir=call.working_dir or tool.working_dir,
        )


def _canonical(schema: dict[str, Any]) -> str:
    try:
        return json.dumps(schema, sort_keys=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError):
        message = "holds a number that is out of range"
        raise InvalidParams(f"register: schema: {message}", errors=[{"path": "schema", "message": message}]) from None
