"""What became of one call: plain data that handlers, logs and counters are all made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sidecar.record import Usage


# The level of a call that met no worker.
NOT_RUN = "none"


class Isolation(NamedTuple):
    """What was in force around one worker: its `level`, and its `layers` in the order of application."""

    level: str
    layers: tuple[str, ...]


@dataclass(frozen=True)  # a tuple has a `count` of its own
class Violation:
    """A call that the jail refused, by the worker's own account; `line` is None where no line of the tool led to it."""

    call: str
    argument: str
    policy: str
    count: int
    line: int | None = None


class Violations(NamedTuple):
    """Those of one call, in the order of their first occurrence; `omitted` came after the list was full."""

    listed: tuple[Violation, ...] = ()
    omitted: int = 0


class CallRequest(NamedTuple):
    """One call as the runner sees it. `arguments` is JSON; `on_output` is called with a stream's name and new text."""

    code: str
    arguments: bytes
    python_path: str
    timeout_ms: int
    max_memory_mb: int
    min_isolation: str = "strict"
    working_dir: str | None = None
    # Modules of the standard library that its interpreter has loaded beforehand.
    imports: tuple[str, ...] = ()
    tool_id: str | None = None
    owner: str | None = None
    on_output: Callable[[str, str], None] | None = None
    # Awaited when the call's turn has come; what it waits for is room for the reply.
    may_start: Callable[[], Awaitable[None]] | None = None

    @property
    def line(self) -> str:
        """In which line it waits for its turn: its tool's, which is one owner's; inline code is a tool by its text."""
        return self.code if self.tool_id is None else f"{self.owner or ''}\0{self.tool_id}"


class CallRecord(NamedTuple):
    """The reply's raw material. `result` is the finished JSON of the reply's `result` member, always `{"ok": ...}`."""

    result: bytes
    code: str  # "ok", "tool_returned_error" or the error's code
    usage: Usage
    isolation: Isolation
    stdout: str = ""
    stderr: str = ""
    stdout_truncated: bool = False
    stderr_truncated: bool = False
    # None where nothing could watch: the interpreter has no audit hooks.
    violations: Violations | None = Violations()


class Diagnostic(NamedTuple):
    """A finding about source text; `line` and `column` count from 1 in the text as it was given."""

    line: int
    column: int
    message: str
    severity: str = "error"  # "error" or "warning"


class Compiled(NamedTuple):
    """What compiling found; `hinted` where the entry point has type hints that a schema can be derived from."""

    diagnostics: tuple[Diagnostic, ...] = ()
    hinted: bool = False


class Derivation(NamedTuple):
    """What a tool's type hints say, as its own worker wrote it and nobody has read it; or why there is nothing."""

    answer: bytes = b""
    problem: str = ""


class Check(NamedTuple):
    """One line of `doctor`: what was tried, whether it held, and what to do where it did not or could hold better."""

    name: str
    ok: bool
    detail: str
    hint: str | None = None
    layers: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
