"""The pydantic model of what the sidecar sends: every method's result, and its notification.

Invariant: a member whose model gives it a default is left out unless it says something; every other is always there.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sidecar.protocol.messages import wire_name

PROTOCOL_VERSION = 1


class Result(BaseModel):
    """What the sidecar sends."""

    model_config = ConfigDict(
        alias_generator=wire_name,
        extra="forbid",
        frozen=True,
        validate_by_name=True,
        validate_by_alias=True,
        defer_build=True,  # most are used seldom or never, and the start is waited for
    )


class OutputParams(Result):
    """Params of the notification `run/output`: what a running tool has just printed."""

    run_id: str
    stream: Literal["stdout", "stderr"]
    text: str


class IsolationReport(Result):
    """What stands around a tool: `layers` in the order of application."""

    level: Literal["strict", "process", "none"]
    layers: list[str]


class ServerInfo(Result):
    """Who the sidecar is."""

    name: str
    version: str


class LimitsReport(Result):
    """The limits of a call that asks for none of its own."""

    timeout: int
    max_memory_mb: int
    stdout_max_bytes: int
    stderr_max_bytes: int
    result_max_bytes: int
    scratch_max_bytes: int
    scratch_max_inodes: int
    max_open_files: int
    max_threads: int
    max_concurrency: int
    max_queue: int
    memory_budget_mb: int
    max_message_bytes: int


class MissingLayer(Result):
    """Why the isolation asked for cannot be had."""

    model_config = ConfigDict(extra="ignore")

    layer: str
    reason: str
    fix: str


class InitializeResult(Result):
    """Result of `initialize`. `missing` is there when no tool can run."""

    protocol_version: int
    server_info: ServerInfo
    isolation: IsolationReport
    limits: LimitsReport
    missing: list[MissingLayer] | None = None


class RegisterResult(Result):
    """Result of `register`: `codeHash` is the SHA-256 of the code's UTF-8, in hexadecimal.

    `schemaDerived`: the tool has a schema that was made of its type hints; `warnings` say why it has not.
    """

    id: str
    code_hash: str
    schema_derived: bool | None = None
    warnings: list[str] | None = None


class UsageReport(Result):
    """The sidecar's own measurements of one call."""

    wall_ms: float
    cpu_ms: float
    max_rss_mb: float
    queue_ms: float
    peak_memory_mb: float
    spawn_ms: float
    run_ms: float


class ViolationReport(Result):
    """A call that the jail refused, by the worker's own account; `line` counts from 1 in the tool's text."""

    call: str
    argument: str
    policy: str
    count: int
    line: int | None = None


class RunResult(Result):
    """Result of `run`; `result` is the tool's `{"ok": …}`. `violations` explain; they prove nothing."""

    result: dict[str, Any]
    stdout: str
    stderr: str
    stdout_truncated: bool
    stderr_truncated: bool
    usage: UsageReport
    isolation: IsolationReport
    violations: list[ViolationReport] | None = None
    violations_omitted: int | None = None
    run_id: str


class DiagnosticReport(Result):
    """A finding about source text; `line` and `column` count from 1."""

    line: int
    column: int
    message: str
    severity: Literal["error", "warning"]


class ValidateResult(Result):
    """Result of `validate`; `error` sums up why the code is not valid."""

    valid: bool
    error: str | None = None
    diagnostics: list[DiagnosticReport]


class EmptyResult(Result):
    """Result of a method that has nothing to say."""


class ToolReport(Result):
    """One registered tool; `schema` and `description` as registered, else derived from the code."""

    id: str
    name: str | None
    description: str | None
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")]
    code_hash: str


class ListResult(Result):
    """Result of `list`, in the order of registration."""

    tools: list[ToolReport]


class HistogramReport(Result):
    """`counts[i]` values were at most `boundsMs[i]`; the last count is of those above every bound."""

    bounds_ms: list[int]
    counts: list[int]
    sum_ms: float


class InFlightReport(Result):
    """A run that is not answered yet, for `ms` so far; `tool` is null for inline code."""

    run_id: str
    tool: str | None
    state: Literal["queued", "running"]
    ms: float


class StatsResult(Result):
    """Result of `stats`. Counters only grow; `calls` are the oldest of those in flight."""

    uptime_ms: int
    rss_bytes: int
    tools: int
    in_flight: int
    requests: dict[str, int]
    runs: dict[str, int]
    errors: dict[str, int]
    gauges: dict[str, int]
    calls: list[InFlightReport]
    wall_ms: HistogramReport
    queue_ms: HistogramReport
    spawn_ms: HistogramReport
    run_ms: HistogramReport
    encode_ms: HistogramReport


class CheckReport(Result):
    """One of `doctor`'s checks: `layers` hold the promise, `missing` could; `hint` says what to do about either."""

    name: str
    ok: bool
    detail: str
    hint: str | None = None
    layers: list[str]
    missing: list[str]


class DoctorResult(Result):
    """Result of `doctor`."""

    ok: bool
    isolation: IsolationReport
    checks: list[CheckReport]
