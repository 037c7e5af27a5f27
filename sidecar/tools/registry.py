"""The tools that are registered, in the order of their registration.

Invariant: whatever concerns one tool happens in the order in which it was asked for, although checking a registration
takes time: a `run` sent right behind its `register` finds the tool. A tool is here only when all its checks passed.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from sidecar.errors import InternalError, InvalidTool, MachineError, ToolExists, ToolNotFound
from sidecar.tools.derived import NOTHING, Derived, read

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Protocol

    from sidecar.tools.arguments import ArgumentCheck
    from sidecar.tools.spec import ToolSpec
    from sidecar.tools.validation_pool import ValidationPool

    class Finding(Protocol):
        """What the registry reads of the runner's diagnostics."""

        @property
        def line(self) -> int: ...  # noqa: D102 - its implementation says what it is
        @property
        def column(self) -> int: ...  # noqa: D102 - its implementation says what it is
        @property
        def message(self) -> str: ...  # noqa: D102 - its implementation says what it is
        @property
        def severity(self) -> str: ...  # noqa: D102 - its implementation says what it is

    class Compiled(Protocol):
        """What it reads of a compilation."""

        @property
        def diagnostics(self) -> tuple[Finding, ...]: ...  # noqa: D102 - its implementation says what it is
        @property
        def hinted(self) -> bool: ...  # noqa: D102 - its implementation says what it is

    class Derivation(Protocol):
        """What it reads of a derivation."""

        @property
        def answer(self) -> bytes: ...  # noqa: D102 - its implementation says what it is
        @property
        def problem(self) -> str: ...  # noqa: D102 - its implementation says what it is

    Key = tuple[str | None, str]

    class Examiner(Protocol):
        """What it has the runner do, in jailed workers."""

        async def check(self, code: str, python_path: str) -> Compiled: ...  # noqa: D102 - its implementation says what it is
        async def derive(  # noqa: D102 - its implementation says what it is
            self, code: str, python_path: str | None, min_isolation: str | None, max_memory_mb: int | None
        ) -> Derivation: ...
        async def warm(self, code: str, python_path: str, floor: str | None) -> tuple[str, ...]: ...  # noqa: D102 - its implementation says what it is


class Tool(NamedTuple):
    """A registered tool; `arguments` is None where it has no schema, of its own or derived."""

    spec: ToolSpec
    arguments: ArgumentCheck | None
    derived: Derived = NOTHING
    # What its interpreter has loaded beforehand.
    imports: tuple[str, ...] = ()

    @property
    def schema(self) -> dict[str, Any] | None:
        """What its arguments are checked against."""
        return self.spec.schema if self.spec.schema is not None else self.derived.schema

    @property
    def description(self) -> str | None:
        """The host's, else the code's."""
        return self.spec.description if self.spec.description is not None else self.derived.description


class Registry:
    """Known tools by owner and id."""

    def __init__(self, examiner: Examiner, pool: ValidationPool, default_python: str) -> None:
        self._examiner = examiner
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
            arguments = await self._argument_check(spec.schema, spec.schema_text)
            is_hinted = await self._require_compiling(spec)
            derived = NOTHING
            if is_hinted and arguments is None:
                derived, arguments = await self._derive(spec)
            imports = await self._examiner.warm(*self._place(spec)) if spec.warm else ()
            tool = self._tools[spec.key] = Tool(spec, arguments, derived, imports)
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

    def __len__(self) -> int:
        """Return the number of all owners' tools."""
        return len(self._tools)

    async def tools(self, owner: str | None) -> list[Tool]:
        """Return the owner's tools in the order of registration; those that were asked for earlier are among them."""
        for key in tuple(self._turns):
            if key[0] == owner:
                async with self._turn(key):
                    pass
        return [tool for tool in self._tools.values() if tool.spec.owner == owner]

    async def _argument_check(self, schema: dict[str, Any] | None, text: str | None) -> ArgumentCheck | None:
        if schema is None or text is None:
            return None
        # python-jsonschema takes a while to import, and a host's first call need not wait for it.
        from sidecar.tools.arguments import ArgumentCheck

        return await ArgumentCheck.create(schema, text, self._pool)

    async def _derive(self, spec: ToolSpec) -> tuple[Derived, ArgumentCheck | None]:
        """Return what the tool's type hints say, and the check for it. It may say nothing; it is never a failure."""
        try:
            said = await self._examiner.derive(spec.code, spec.python_path, spec.min_isolation, spec.max_memory_mb)
            derived = read(said.answer) if not said.problem else Derived(problem=said.problem)
            return derived, await self._argument_check(derived.schema, derived.schema_text)
        except InvalidTool as error:
            return Derived(problem=error.message), None
        except (MachineError, InternalError) as error:
            return Derived(problem=error.message.rstrip(".")), None

    def _place(self, spec: ToolSpec) -> tuple[str, str, str | None]:
        return spec.code, spec.python_path or self._default_python, spec.min_isolation

    async def _require_compiling(self, spec: ToolSpec) -> bool:
        """Return whether there are type hints that say something; `InvalidTool` for code that does not compile."""
        compiled = await self._examiner.check(spec.code, spec.python_path or self._default_python)
        for finding in compiled.diagnostics:
            if finding.severity == "error":
                message = f"the code does not compile: {finding.message} (line {finding.line})"
                raise InvalidTool(message, line=finding.line, column=finding.column, reason=finding.message)
        return compiled.hinted

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
