"""What calls return: the members of protocol.md's results, under their names there.

What a later sidecar adds is there as well, since nothing is converted. One exception: an integer with more digits than
Python reads (`sys.get_int_max_str_digits`) arrives as a `decimal.Decimal`.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

ToolResult = dict[str, Any]
"""A dict with `ok` as the tool returned it, another value as `{"ok": True, "data"}`, or `{"ok": False, "error"}`."""


class Usage(TypedDict):
    """The sidecar's own measurements of one call: times in ms, memory in MiB."""

    wallMs: float
    cpuMs: float
    maxRssMB: float
    queueMs: float
    peakMemoryMB: float
    spawnMs: float
    runMs: float


class Isolation(TypedDict):
    """What stood around the tool: `layers` in the order of application."""

    level: Literal["strict", "process", "none"]
    layers: list[str]


class Violation(TypedDict, total=False):
    """A call that the jail refused, by the worker's own account; `line` is absent where none is known."""

    call: str
    argument: str
    policy: str
    count: int
    line: int


class RunReply(TypedDict, total=False):
    """One run; `violations` and `violationsOmitted` may be absent, the rest is always there."""

    result: ToolResult
    stdout: str
    stderr: str
    stdoutTruncated: bool
    stderrTruncated: bool
    usage: Usage
    isolation: Isolation
    violations: list[Violation]
    violationsOmitted: int
    runId: str


class RegisterReply(TypedDict, total=False):
    """`codeHash` is the SHA-256 of the code's UTF-8, in hexadecimal.

    `schemaDerived` is there where the tool's schema was made of its type hints, `warnings` say why it was not.
    """

    id: str
    codeHash: str
    schemaDerived: bool
    warnings: list[str]


class Diagnostic(TypedDict):
    """A finding about source text; `line` and `column` count from 1."""

    line: int
    column: int
    message: str
    severity: Literal["error", "warning"]


class ValidateReply(TypedDict, total=False):
    """`error` sums up why the code is not valid, and is absent where it is."""

    valid: bool
    error: str
    diagnostics: list[Diagnostic]


class ToolReport(TypedDict):
    """One registered tool."""

    id: str
    name: str | None
    description: str | None
    schema: dict[str, Any] | None
    codeHash: str


class Check(TypedDict, total=False):
    """One of `doctor`'s checks; `hint` may be absent."""

    name: str
    ok: bool
    detail: str
    hint: str
    layers: list[str]
    missing: list[str]


class DoctorReply(TypedDict):
    """What this machine can enforce."""

    ok: bool
    isolation: Isolation
    checks: list[Check]


StatsReply = dict[str, Any]
"""Counters and gauges; see `stats` in protocol.md."""

ToolList = list[ToolReport]
