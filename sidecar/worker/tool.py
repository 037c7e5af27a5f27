"""One call of one tool: compile, run, and its result or failure as the one terminal frame.

Everything here happens behind a closed jail, with the tool's code in the same interpreter: nothing that this module
computes protects anything, and the sidecar reads its frame as it would a stranger's.
"""

import gc
import json
import mmap
import resource
import sys
import types
from typing import Any, Dict, List, Optional, Tuple

from . import compiled, modules, report, signature, wire
from .compiled import Compiled
from .depth import is_deeper_than
from .encode import NotSerializable, ResultTooLarge, encode
from .source import TOO_MUCH_TO_COMPILE, Source
from .violations import Watch

# What the tool's module is called, in sys.modules too: dataclasses, typing and pickle look modules up by name.
MODULE_NAME = "tool"

_Terminal = Tuple[int, bytes]

# Bound before the tool can replace anything in json.
_ENCODE = json.JSONEncoder().encode
_ENCODE_TEXT = json.JSONEncoder(ensure_ascii=False).encode
# Given back when memory runs out, so that there is some to say so with. Addresses count, so it is never touched.
_RESERVE = mmap.mmap(-1, 1 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


_NOTHING_FOUND = b"[]"


def check(text: str, filename: str) -> _Terminal:
    """Compile only: the diagnostics, and before them HINTED where the entry point has type hints worth a schema."""
    source = Source(text, filename)
    found: List[Any] = source.diagnostics()
    hinted = [wire.HINTED] if signature.is_hinted(source.text) else []
    return wire.DIAGNOSTICS, json.dumps(hinted + found).encode()


def check_many(payload: bytes) -> _Terminal:
    """Of each of these sources, a JSON array of texts: whether there is nothing to be said of it."""
    clean = [check(text, "<tool>")[1] == _NOTHING_FOUND for text in json.loads(payload.decode("utf-8"))]
    return wire.DIAGNOSTICS, json.dumps(clean).encode()


def derive(text: str, filename: str) -> _Terminal:
    """Run the module's top level, and nothing more: what its entry point's hints say, or why they say nothing."""
    source = Source(text, filename)
    try:
        found = signature.describe(_entry(source.compile()))
    except BaseException as error:  # noqa: BLE001 - whatever a tool's top level raises
        found = {"problem": "%(type)s: %(message)s" % _report(error, source, None, None)}
    return wire.DIAGNOSTICS, _ENCODE([found]).encode()


def imports(text: str, filename: str) -> _Terminal:
    """The names of the modules that the source imports at its top level; none where it does not compile."""
    try:
        found = modules.at_the_top(Source(text, filename).text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        found = []
    return wire.DIAGNOSTICS, json.dumps(found).encode()


def vet(payload: bytes) -> _Terminal:
    """Look whether another worker's result is the JSON that it should be: one word of `wire`."""
    gc.disable()
    found = wire.VET_OK
    try:
        text = payload.decode("utf-8")
        value = json.loads(text, parse_int=len, parse_float=len, parse_constant=_refuse_constant)
        if b"\\u" in payload:
            json.dumps(value, ensure_ascii=False).encode("utf-8")  # UnicodeEncodeError for half a surrogate pair
        if not isinstance(value, dict) or "ok" not in value or is_deeper_than(wire.RESULT_MAX_DEPTH, payload):
            found = wire.VET_FORGED
        elif value["ok"] is False:
            found = wire.VET_NOT_OK
    except MemoryError:
        found = wire.VET_TOO_LARGE
    except (ValueError, RecursionError):
        found = wire.VET_FORGED
    return wire.DIAGNOSTICS, json.dumps([found]).encode()


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def compile_only(text: str, filename: str) -> _Terminal:
    """What `call` can be given as `ready`; nothing where the source does not compile."""
    try:
        return wire.COMPILED, compiled.dump(compiled.of(Source(text, filename).compile()))
    except (SyntaxError, ValueError, RecursionError, OverflowError, MemoryError):
        return wire.COMPILED, b""


def call(  # noqa: PLR0913 - what a call consists of
    text: str,
    arguments: bytes,
    filename: str,
    *,
    result_max_bytes: int,
    watch: Optional[Watch] = None,
    ready: bytes = b"",
) -> _Terminal:
    """Run the tool on `arguments` (JSON): RESULT or FAILURE.

    `watch` notes meanwhile what the jail refuses to it; `ready` is what `compile_only` made of the same text.
    """
    _lift_digit_limit()
    source = Source(text, filename)
    try:
        code, is_near_a_wall = _compiled(source, ready)
    except (SyntaxError, ValueError, RecursionError, OverflowError) as error:
        return _failure(report.syntax_failure(error, source))
    except MemoryError:  # what CPython's parser raises for source that nests too deeply, too
        if _memory_is_used_up():
            return _failure(report.out_of_memory())
        return _failure(report.syntax_failure(SyntaxError(TOO_MUCH_TO_COMPILE), source))
    parsed = json.loads(arguments.decode("utf-8"))
    if watch is not None and is_near_a_wall:
        watch.begin(filename)
    try:
        return wire.RESULT, encode(_run(code, parsed), result_max_bytes)
    except NotSerializable as error:
        return _failure({"message": str(error), "type": error.type_name, "code": "not_serializable"})
    except ResultTooLarge as error:
        return _failure({
            "message": str(error), "type": "ResultTooLarge", "code": "result_too_large",
            "hint": "Return less, or raise PYRUNNER_RESULT_MAX_BYTES.",
        })  # fmt: skip
    except NoEntryPoint as error:
        return _failure({"message": str(error), "type": "NameError", "code": "no_entry_point", "hint": error.hint})
    except signature.WrongArguments as error:
        return _failure({"message": str(error), "type": "TypeError", "code": "tool_error", "hint": error.hint})
    except BaseException as error:  # noqa: BLE001 - SystemExit and KeyboardInterrupt end the call, not the worker
        _RESERVE.close()
        return _failure(_report(error, source, parsed, watch))


def _compiled(source: Source, ready: bytes) -> Compiled:
    loaded = compiled.load(ready) if ready else None
    if loaded is None:
        return compiled.of(source.compile())
    source.show()
    return loaded


class NoEntryPoint(Exception):
    """The code ran, and defined nothing to call."""

    hint = "Define a function at the top level: def run(args): ... return {'ok': True, 'data': ...}"


def _entry(code: types.CodeType) -> Any:
    """Run the module's top level; what it defines to be called."""
    module = types.ModuleType(MODULE_NAME)
    sys.modules[MODULE_NAME] = module
    namespace = module.__dict__
    exec(code, namespace)
    for name in signature.ENTRY_POINTS:
        entry = namespace.get(name)
        if callable(entry):
            return entry
    found = [name for name in signature.ENTRY_POINTS if name in namespace]
    detail = "%s is not a function." % found[0] if found else "it defines neither run nor default."
    raise NoEntryPoint("The tool has no entry point: " + detail)


def _run(code: types.CodeType, arguments: Any) -> Any:
    result = signature.call(_entry(code), arguments)
    if hasattr(result, "__await__") and not isinstance(result, type):
        import asyncio

        return asyncio.run(_awaited(result))
    return result


async def _awaited(awaitable: Any) -> Any:
    return await awaitable


def _report(error: BaseException, source: Source, arguments: Any, watch: Optional[Watch]) -> Dict[str, Any]:
    try:
        return report.failure(error, source, arguments, () if watch is None else tuple(watch.recent))
    except MemoryError:
        return report.out_of_memory()
    except BaseException as secondary:  # noqa: BLE001 - an exception of the tool's that breaks whoever looks at it
        name = type(error).__name__
        return {
            "message": "%s (and its report failed: %s)" % (name, type(secondary).__name__),
            "type": name,
            "code": "tool_error",
        }


def _failure(error: Dict[str, Any]) -> _Terminal:
    payload = _encoded(error)
    if len(payload) > wire.FAILURE_MAX_BYTES:
        payload = _encoded(dict(error, traceback="cut: the report was too large"))
    return wire.FAILURE, payload


def _encoded(error: Dict[str, Any]) -> bytes:
    # A lone surrogate becomes the escape that JSON has for it; all else is shorter as it is than escaped.
    return _ENCODE_TEXT(error).encode("utf-8", "backslashreplace")


def out_of_memory() -> _Terminal:
    """The terminal frame for a call that did not fit its memory before it began."""
    return _failure(report.out_of_memory())


def no_working_directory(error: Exception) -> _Terminal:
    """The terminal frame for a call whose `workingDir` no directory can have."""
    return _failure(
        {
            "message": "workingDir cannot be made in the scratch directory: %s" % error,
            "type": type(error).__name__,
            "code": "tool_error",
            "hint": "Name a short path below /tmp, or leave workingDir out.",
        }
    )


def _memory_is_used_up() -> bool:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return limit != resource.RLIM_INFINITY and resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > limit // 2


def _lift_digit_limit() -> None:
    # Integers of any size go through; the limit is a defence for servers, and here there is a deadline.
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)  # novm: guarded
