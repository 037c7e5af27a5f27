"""What to tell the host about a call that has ended: a pure function of facts, the first cause winning.

The terminal frame is a stranger's word. It decides only what protocol.md lets a tool decide: its result, or its own
failure.
"""

from __future__ import annotations

import json
import re
import signal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from sidecar.worker import wire
from sidecar.worker.depth import is_deeper_than

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.runner.ended import Ended
    from sidecar.worker.frames import Frame

# As `sidecar.skimming.skim_ok`.
SkimOk: TypeAlias = "Callable[[bytes], bytes | None]"
Cause = Literal["timeout", "output_limit", "memory_limit", "scratch_limit", "thread_limit"]

# What a worker may say of its own call. The other codes of protocol.md are the sidecar's to give.
_WORKER_CODES = frozenset({
    "tool_error", "memory_limit", "result_too_large", "not_serializable", "syntax_error", "no_entry_point", "exited",
})  # fmt: skip
_TEXT_FIELDS = ("message", "type", "traceback", "hint")
_NUMBER_FIELDS = ("line", "column")
# A process that dies this close to its limit most likely died of it: C code seldom survives a failed allocation.
_NEAR_MEMORY_LIMIT = 0.9
# Results above this are parsed in a worker of their own: JSON of many small values takes 30 times its size and seconds.
VETTED_BYTES = 256 * 1024
# Those that are passed over here instead, in a thread; what a value takes at most beside its text once it is read.
_SKIMMED_BYTES = 8 * 1024 * 1024
_VALUE_BYTES = 128
_CUT_NOTE_CHARS = 100
# RLIMIT_CPU counts whole ticks of the clock, the usage that the kernel reports does not: on a busy machine a process
# that is often interrupted is charged half as much again.
_NEAR_CPU_LIMIT = 0.5
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


class Bounds(NamedTuple):
    """The limits that were in force, for the messages that name them."""

    timeout_ms: int
    max_memory_mb: int
    max_cpu_ms: int
    discard_max_bytes: int
    scratch_max_bytes: int = 0
    max_threads: int = 0
    queue_ms: float = 0.0


class Verdict(NamedTuple):
    """`result` is the reply's `result` member as JSON; `code` names the outcome in counters and logs."""

    result: bytes
    code: str


def read(frame: Frame | None) -> Verdict | None:
    """What a worker's terminal frame says; None where there is none, or where `read_vetted` is to read it."""
    if frame is None:
        return None
    kind, payload = frame
    if kind == wire.RESULT and len(payload) > VETTED_BYTES:
        # It is looked at elsewhere, so that a large one stalls nobody here.
        return None
    if kind not in (wire.RESULT, wire.FAILURE) or len(payload) > wire.FAILURE_MAX_BYTES:
        return _forged()
    try:
        value = (_DECODE_RESULT if kind == wire.RESULT else _DECODE)(payload.decode("utf-8"))
    except (ValueError, RecursionError):
        return _forged()
    if not isinstance(value, dict):
        return _forged()
    if kind == wire.RESULT:
        too_deep = is_deeper_than(wire.RESULT_MAX_DEPTH, payload)
        if "ok" not in value or too_deep or _has_lone_surrogate(payload, value):
            return _forged()
        return Verdict(payload, "ok" if value["ok"] is not False else "tool_returned_error")
    return _from_failure(value)


def skimmed(payload: bytes, skim_ok: SkimOk, max_memory_mb: int) -> str:
    """A word of `wire` about a large result, as `read_vetted` takes it; "" where another worker has to look.

    That one also finds out whether a host with `max_memory_mb` could hold all of its values. Here there are so few that
    it can.
    """
    values = 1 + payload.count(b",") + payload.count(b"[") + payload.count(b"{")
    if len(payload) > _SKIMMED_BYTES or values * _VALUE_BYTES > max_memory_mb * 1024 * 1024:
        return ""
    try:
        payload.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    said = None if _SURROGATE_ESCAPE.search(payload) else skim_ok(payload)
    if said is None or is_deeper_than(wire.RESULT_MAX_DEPTH, payload):
        return ""
    return wire.VET_NOT_OK if said == b"false" else wire.VET_OK


def read_vetted(payload: bytes, vetted: str) -> Verdict:
    """What a large result says, of which another worker has said `vetted`, a word of `wire`."""
    if vetted == wire.VET_TOO_LARGE:
        message = f"The result's {len(payload)} bytes of JSON hold more values than the call's memory has room for."
        return failure("result_too_large", "ResultTooLarge", message, hint="Return less, or a part at a time.")
    if vetted in (wire.VET_OK, wire.VET_NOT_OK):
        return Verdict(payload, "ok" if vetted == wire.VET_OK else "tool_returned_error")
    return _forged()


def judge(cause: Cause | None, ended: Ended, bounds: Bounds) -> Verdict:
    """Say what became of a call that came to no terminal frame.

    `cause` is why the sidecar killed the worker, None where it did not; a frame that came before wins over it.
    """
    if cause == "timeout":
        return _timed_out(bounds)
    if cause == "output_limit":
        message = f"The tool printed {bounds.discard_max_bytes} bytes beyond its limit and was stopped."
        hint = "Return data instead of printing it, or raise PYRUNNER_DISCARD_MAX_BYTES."
        return failure("output_limit", "OutputLimitExceeded", message, hint=hint)
    if cause == "scratch_limit":
        message = f"The tool kept more than {bounds.scratch_max_bytes} bytes of files, or too many, and was stopped."
        hint = "Delete what is done with, or raise PYRUNNER_SCRATCH_MAX_BYTES and _INODES."
        return failure("output_limit", "ScratchLimitExceeded", message, hint=hint)
    if cause == "thread_limit":
        message = f"The tool had more than {bounds.max_threads} threads and was stopped."
        return failure("crashed", "ThreadLimitExceeded", message, hint="Start fewer, or raise PYRUNNER_MAX_THREADS.")
    if cause == "memory_limit" or ended.spent.oom_killed:
        return _out_of_memory(bounds)
    return _from_status(ended, bounds)


def _timed_out(bounds: Bounds) -> Verdict:
    waited = f", {bounds.queue_ms:.0f} of them in the queue," if bounds.queue_ms >= 1 else ""
    message = f"The tool did not finish within {bounds.timeout_ms} ms{waited} and was stopped."
    return failure("timeout", "TimeoutError", message, hint="Raise timeout, or do less in one call.")


def failure(code: str, type_name: str, message: str, **more: Any) -> Verdict:
    """A failure in the shape of protocol.md."""
    error = {"message": message, "type": type_name, "code": code, **more}
    return Verdict(json.dumps({"ok": False, "error": error}, ensure_ascii=True).encode(), code)


def _from_failure(value: dict[str, Any]) -> Verdict:
    code = value.get("code")
    if not isinstance(code, str) or code not in _WORKER_CODES:
        return _forged()
    texts = {
        name: _unicode(value[name][: wire.TRACEBACK_MAX_CHARS + _CUT_NOTE_CHARS])
        for name in _TEXT_FIELDS
        if type(value.get(name)) is str
    }
    numbers = {name: int(value[name]) for name in _NUMBER_FIELDS if isinstance(value.get(name), _Number)}
    return failure(code, texts.pop("type", "Exception"), texts.pop("message", ""), **numbers, **texts)


def _from_status(ended: Ended, bounds: Bounds) -> Verdict:
    status = ended.status
    number = -1 if status is None else status & 0x7F
    near_memory_limit = ended.max_rss_kb / 1024 >= bounds.max_memory_mb * _NEAR_MEMORY_LIMIT
    if status is not None and number == 0:
        message = (
            f"The process ended with exit status {status >> 8} before run returned: os._exit, or descriptor 3 closed."
        )
        return failure("exited", "SystemExit", message, hint="Return a result from run instead of ending the process.")
    if number in (signal.SIGKILL, signal.SIGXCPU) and ended.cpu_us >= bounds.max_cpu_ms * 1000 * _NEAR_CPU_LIMIT:
        message = f"The tool used its {bounds.max_cpu_ms} ms of CPU time and was stopped."
        hint = "Do less in one call, or raise timeout or PYRUNNER_MAX_CPU_MS."
        return failure("cpu_limit", "TimeoutError", message, hint=hint)
    if near_memory_limit:
        return _out_of_memory(bounds, f" ({_signal_name(number)})")
    message = f"The process was ended by {_signal_name(number)} before run returned."
    return failure(
        "crashed", "SystemError", message, hint="Native code crashed, or something outside ended the process."
    )


def _out_of_memory(bounds: Bounds, detail: str = "") -> Verdict:
    message = f"The process died at its limit of {bounds.max_memory_mb} MB of memory, its files included{detail}."
    return failure("memory_limit", "MemoryError", message, hint="Raise maxMemoryMB, or work on less at a time.")


def _forged() -> Verdict:
    message = "The tool wrote to descriptor 3, which is the runner's, and the call's result is lost."
    return failure("crashed", "SystemError", message, hint="Use only descriptors that the tool opened itself.")


class _Number(str):
    """A number as it is written: a million digits cost nothing if nobody converts them."""

    __slots__ = ()

    def __int__(self) -> int:
        """For the few that are wanted; none of them is long."""
        return int(str(self)[:9])


def _has_lone_surrogate(payload: bytes, value: Any) -> bool:
    if not _SURROGATE_ESCAPE.search(payload):
        return False
    text = json.dumps(value, ensure_ascii=False)
    return text != _unicode(text)


def _unicode(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


# Strict: a forged frame must not put anything into the reply that is not JSON in UTF-8.
_DECODE = json.JSONDecoder(parse_int=_Number, parse_float=len, parse_constant=_refuse_constant).decode
_DECODE_RESULT = json.JSONDecoder(parse_int=len, parse_float=len, parse_constant=_refuse_constant).decode


def _signal_name(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return "an unknown cause"
