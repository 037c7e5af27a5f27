"""The tools that are registered, in the order of their registration.

Invariant: whatever concerns one id happens in the order in which it was asked for, although checking a registration
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

    CheckCode = Callable[[str, str], Awaitable[tuple[Finding, ...]]]


@dataclass(frozen=True)
class Tool:
    """A registered tool; `arguments` is None where it has no schema."""

    spec: ToolSpec
    arguments: ArgumentCheck | None


class Registry:
    """Known tools by id."""

    def __init__(self, check_code: CheckCode, pool: ValidationPool, default_python: str) -> None:
        self._check_code = check_code
        self._pool = pool
        self._default_python = default_python
        self._tools: dict[str, Tool] = {}
        self._turns: dict[str, _Turn] = {}

    async def register(self, spec: ToolSpec, *, replace: bool) -> Tool:
        """Check and keep a tool. The same content again changes nothing; other content needs `replace`."""
        async with self._turn(spec.id):
            known = self._tools.get(spec.id)
            if known is not None and known.spec == spec:
                return known
            if known is not None and not replace:
                raise ToolExists(f"tool {spec.id!r} is registered with other content; pass replace: true to change it")
            arguments = await self._argument_check(spec)
            await self._require_compiling(spec)
            tool = self._tools[spec.id] = Tool(spec, arguments)
            return tool

    async def get(self, tool_id: str) -> Tool:
        """Return the tool, after any registration of it that was asked for earlier."""
        if tool_id in self._turns:
            async with self._turn(tool_id):
                pass
        tool = self._tools.get(tool_id)
        if tool is None:
            raise ToolNotFound(f"no tool is registered as {tool_id!r}")
        return tool

    async def unregister(self, tool_id: str) -> None:
        """Forget the tool; its calls in flight go on."""
        async with self._turn(tool_id):
            if self._tools.pop(tool_id, None) is None:
                raise ToolNotFound(f"no tool is registered as {tool_id!r}")

    def specs(self) -> list[ToolSpec]:
        """Return every tool in the order of registration."""
        return [tool.spec for tool in self._tools.values()]

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
    async def _turn(self, tool_id: str) -> AsyncIterator[None]:
        turn = self._turns.setdefault(tool_id, _Turn())
        turn.waiting += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.waiting -= 1
            if not turn.waiting:
                del self._turns[tool_id]


class _Turn:
    """A lock, and how many hold it or wait for it."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.waiting = 0
