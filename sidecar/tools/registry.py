"""The tools that are registered, in the order of their registration.

Invariant: whatever concerns one tool happens in the order in which it was asked for, although checking a registration
takes time: a `run` sent right behind its `register` finds the tool. A tool is here only when all its checks passed.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sidecar.errors import InvalidTool, ToolExists, ToolNotFound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from typing import Protocol

    from sidecar.tools.arguments import ArgumentCheck
    from sidecar.tools.spec import ToolSpec
    from sidecar.tools.validation_pool import ValidationPool

    class Finding(Protocol):
        """What the registry reads of the runner's diagnostics."""

        @property
        def line(self) -> int: ...  # noqa: D102
        @property
        def column(self) -> int: ...  # noqa: D102
        @property
        def message(self) -> str: ...  # noqa: D102
        @property
        def severity(self) -> str: ...  # noqa: D102

    Key = tuple[str | None, str]
    CheckCode = Callable[[str, str], Awaitable[tuple[Finding, ...]]]


@dataclass(frozen=True)
class Tool:
    """A registered tool; `arguments` is None where it has no schema."""

    spec: ToolSpec
    arguments: ArgumentCheck | None


class Registry:
    """Known tools by owner and id."""

    def __init__(self, check_code: CheckCode, pool: ValidationPool, default_python: str) -> None:
        self._check_code = check_code
        self._pool = pool
        self._default_python = default_python
        self._tools: dict[Key, Tool] = {}
        self._turns: dict[Key, _Turn] = {}

    async def register(self, spec: ToolSpec, *, replace: bool) -> Tool:
        """Check and keep a tool. The same content again changes nothing; other content needs `replace`."""
        async with self._turn(spec.key):
            known = self._tools.get(spec.key)
            if known is not None and known.spec == spec:
                return known
            if known is not None and not replace:
                raise ToolExists(f"tool {spec.id!r} is registered with other content; pass replace: true to change it")
            arguments = await self._argument_check(spec)
            await self._require_compiling(spec)
            tool = self._tools[spec.key] = Tool(spec, arguments)
            return tool

    async def get(self, owner: str | None, tool_id: str) -> Tool:
        """Return the tool, after any registration of it that was asked for earlier."""
        key = owner, tool_id
        if key in self._turns:
            async with self._turn(key):
                pass
        tool = self._tools.get(key)
        if tool is None:
            raise ToolNotFound(f"no tool is registered as {tool_id!r}")
        return tool

    async def unregister(self, owner: str | None, tool_id: str) -> None:
        """Forget the tool; its calls in flight go on."""
        key = owner, tool_id
        async with self._turn(key):
            if self._tools.pop(key, None) is None:
                raise ToolNotFound(f"no tool is registered as {tool_id!r}")

    def specs(self, owner: str | None) -> list[ToolSpec]:
        """Return the owner's tools in the order of registration."""
        return [tool.spec for tool in self._tools.values() if tool.spec.owner == owner]

    def __len__(self) -> int:
        """Return the number of all owners' tools."""
        return len(self._tools)

    async def _argument_check(self, spec: ToolSpec) -> ArgumentCheck | None:
        if spec.schema is None or spec.schema_text is None:
            return None
        # python-jsonschema takes a while to import, and a host's first call need not wait for it.
        from sidecar.tools.arguments import ArgumentCheck

        return await ArgumentCheck.create(spec.schema, spec.schema_text, self._pool)

    async def _require_compiling(self, spec: ToolSpec) -> None:
        for finding in await self._check_code(spec.code, spec.python_path or self._default_python):
            if finding.severity == "error":
                message = f"the code does not compile: {finding.message} (line {finding.line})"
                raise InvalidTool(message, line=finding.line, column=finding.column, reason=finding.message)

    @asynccontextmanager
    async def _turn(self, key: Key) -> AsyncIterator[None]:
        turn = self._turns.setdefault(key, _Turn())
        turn.waiting += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.waiting -= 1
            if not turn.waiting:
                del self._turns[key]


class _Turn:
    """A lock, and how many hold it or wait for it."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.waiting = 0
