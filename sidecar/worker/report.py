"""An exception as the protocol shows it: type, message, the tool's own frames, line, column and a hint.

The reader is a person or a model that has to correct the tool, so frames of the standard library are left out of the
traceback and text is cut rather than refused. An exception's own code may run here (`__str__`); the deadline bounds it.
"""

import errno
import traceback
from types import TracebackType
from typing import Any, Dict, List, Optional, Sequence, Tuple

from . import hints
from .source import Source
from .wire import MESSAGE_MAX_CHARS, TRACEBACK_MAX_CHARS


def failure(
    error: BaseException, source: Source, arguments: Any, denials: Sequence[hints.Denial] = ()
) -> Dict[str, Any]:
    """The reply's `error` object for what the tool raised, `code` included; `denials` as in `hints.hint`."""
    code = _code(error)
    summary = traceback.TracebackException(type(error), error, error.__traceback__)
    frames = _tool_frames(error.__traceback__, source.filename)
    report: Dict[str, Any] = {
        "message": _cut(_message(error), MESSAGE_MAX_CHARS),
        "type": "MemoryError" if code == "memory_limit" else _cut(type(error).__name__, 256),
        "code": code,
        "traceback": _traceback(summary, source),
    }
    line, column = _position(error, summary, frames, source)
    if line is not None:
        report["line"] = line
    if column is not None:
        report["column"] = column
    hint = hints.hint(error, error.__traceback__, arguments, line=line, denials=denials)
    if hint is not None:
        report["hint"] = hint
    return report


def syntax_failure(error: BaseException, source: Source) -> Dict[str, Any]:
    """The reply's `error` object for text that does not compile."""
    place = source.locate(error)
    lines = traceback.format_exception_only(type(error), error)
    return {
        "message": _cut(place["message"], MESSAGE_MAX_CHARS),
        "type": type(error).__name__,
        "code": "syntax_error",
        "traceback": _cut("".join(lines), TRACEBACK_MAX_CHARS),
        "line": place["line"],
        "column": place["column"],
    }


def out_of_memory() -> Dict[str, Any]:
    """The report for a MemoryError: made of constants, since there may be no memory for more."""
    return {
        "message": "The tool needed more memory than its limit allows.",
        "type": "MemoryError",
        "code": "memory_limit",
        "hint": "Raise maxMemoryMB, or work on less at a time.",
    }


def _code(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return "exited"
    return "memory_limit" if _is_out_of_memory(error) else "tool_error"


def _is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM)


def _message(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return "The tool called exit(%r) instead of returning a result." % (error.code,)
    if isinstance(error, MemoryError):
        return "The tool needed more memory than its limit allows."
    try:
        return str(error) or type(error).__name__
    except BaseException:  # noqa: BLE001 - the tool's own __str__
        return "<the exception's message could not be made>"


def _tool_frames(trace: Optional[TracebackType], filename: str) -> List[Tuple[int, TracebackType]]:
    frames = []
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == filename:
            frames.append((trace.tb_lineno, trace))
        trace = trace.tb_next
    return frames


def _position(
    error: BaseException,
    summary: traceback.TracebackException,
    frames: List[Tuple[int, TracebackType]],
    source: Source,
) -> Tuple[Optional[int], Optional[int]]:
    if isinstance(error, SyntaxError) and error.filename == source.filename:
        return error.lineno, source.column(error.lineno or 1, error.offset or 1)
    if not frames:
        return None, None
    line = frames[-1][0]
    own = [frame for frame in summary.stack if frame.filename == source.filename]
    offset = getattr(own[-1], "colno", None) if own else None  # Python 3.11 and newer: bytes, from 0
    if offset is None or not 0 < line <= len(source.lines):
        return line, None
    before = source.lines[line - 1].encode("utf-8", "replace")[:offset].decode("utf-8", "replace")
    return line, source.column(line, len(before) + 1)


def _traceback(summary: traceback.TracebackException, source: Source) -> str:
    seen = set()
    pending = [summary]
    while pending:
        one = pending.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        own = [frame for frame in one.stack if frame.filename == source.filename]
        one.stack = traceback.StackSummary.from_list(own)
        chained = [one.__cause__, one.__context__, *(getattr(one, "exceptions", None) or ())]
        pending.extend(link for link in chained if link is not None)
    return _cut("".join(summary.format()), TRACEBACK_MAX_CHARS)


def _cut(text: str, max_chars: int) -> str:
    """At most `max_chars` of `text`, both ends kept, and valid Unicode in any case."""
    if len(text) > max_chars:
        half = max_chars // 2
        text = "%s\n... %d characters cut ...\n%s" % (text[:half], len(text) - 2 * half, text[-half:])
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
