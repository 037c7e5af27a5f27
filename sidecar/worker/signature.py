"""An entry point's parameters: whether it takes keywords, how it is called with them, and what its hints describe.

A tool may be written with keyword-only parameters, `def run(*, text, limit=10)`: their values are the members of
`args`. Hints describe JSON and convert nothing: a parameter that is a `datetime` by its hint gets text.
"""

import re
import types
from typing import Any, Dict, List, Optional, Set

from .type_schema import Schemas, cleaned, hints_of

ENTRY_POINTS = ("run", "default")

_DEFINITION = re.compile(r"\bdef\s+(?:run|default)\s*\(([^)]*)")
_VARIADIC = 0x04 | 0x08  # CO_VARARGS and CO_VARKEYWORDS of inspect(3)
_MAX_WRAPPERS = 20
# Hints that say no more than `args` itself does.
_EMPTY_HINTS = {"Any", "dict", "Dict", "Mapping", "MutableMapping", "object"}
_MAX_GIVEN = 20


class WrongArguments(Exception):
    """`args` does not have the members that the keyword-only parameters need; `hint` says which they are."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def call(entry: Any, arguments: Any) -> Any:
    """Call the entry point: with `args` as its one argument, or with the members of `args` as keywords."""
    function = _keyword_function(entry)
    if function is None:
        return entry(arguments)
    _check(function, arguments)
    return entry(**arguments)


def is_hinted(text: str) -> bool:
    """Whether the entry point's parameters, as they are written, say more than `args` does. Runs nothing."""
    if not any(":" in found or "*" in found for found in _DEFINITION.findall(text)):
        return False
    import ast

    try:
        functions = [one for one in ast.parse(text).body if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))]
        for name in ENTRY_POINTS:
            named = [one.args for one in functions if one.name == name]
            if named:
                return _says_something(named[-1])
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return False


def describe(entry: Any) -> Dict[str, Any]:
    """`{schema, description}`: JSON Schema of the arguments, None where the hints say nothing, and the docstring."""
    function = _unwrapped(entry)
    schema: Optional[Dict[str, Any]] = None
    if function is not None:
        names = function.__code__.co_varnames
        hints = hints_of(_without_return(function))
        schemas = Schemas()
        if _keyword_function(entry) is not None:
            schema = schemas.of_members(
                {name: hints.get(name, Any) for name in _keywords(function)}, function.__kwdefaults__ or {}
            )
            schema["additionalProperties"] = False
        elif function.__code__.co_argcount and names[0] in hints:
            schema = schemas.of(hints[names[0]])
        schema = schemas.with_definitions(schema) if schema else None
    return {"schema": schema, "description": cleaned(getattr(function or entry, "__doc__", None))}


def _says_something(parameters: Any) -> bool:
    positional = [*getattr(parameters, "posonlyargs", ()), *parameters.args]
    if positional:
        return positional[0].annotation is not None and not _is_empty_hint(positional[0].annotation)
    return bool(parameters.kwonlyargs) and parameters.vararg is None and parameters.kwarg is None


def _is_empty_hint(hint: Any) -> bool:
    import ast

    if isinstance(hint, ast.Name):
        return hint.id in _EMPTY_HINTS
    if isinstance(hint, ast.Attribute):
        return hint.attr in _EMPTY_HINTS
    if isinstance(hint, ast.Subscript):  # dict[str, Any]
        inside = ast.dump(hint.slice)
        return _is_empty_hint(hint.value) and ("'Any'" in inside or "'object'" in inside)
    value = getattr(hint, "value", getattr(hint, "s", None))  # a text
    return isinstance(value, str) and _is_empty_hint(ast.parse(value, mode="eval").body)


def _keyword_function(entry: Any) -> Optional[types.FunctionType]:
    """The function behind the entry point where each of its parameters is keyword-only, else None."""
    function = _unwrapped(entry)
    if function is None:
        return None
    code = function.__code__
    takes_keywords = code.co_kwonlyargcount and not code.co_argcount and not code.co_flags & _VARIADIC
    return function if takes_keywords else None


def _unwrapped(entry: Any) -> Optional[types.FunctionType]:
    """The plain function, through decorators that say what they wrap (functools.wraps); None where there is none."""
    for _ in range(_MAX_WRAPPERS):
        # Not by getattr, which a tool's own class may answer in any way.
        inner = getattr(entry, "__dict__", {}).get("__wrapped__")
        if inner is None:
            break
        entry = inner
    return entry if isinstance(entry, types.FunctionType) else None


def _without_return(function: types.FunctionType) -> types.FunctionType:
    """The same parameters: the hint of a result may name what is there for type checkers only."""
    bare = types.FunctionType(function.__code__, function.__globals__, closure=function.__closure__)
    bare.__annotations__ = {name: hint for name, hint in function.__annotations__.items() if name != "return"}
    return bare


def _keywords(function: types.FunctionType) -> List[str]:
    return list(function.__code__.co_varnames[: function.__code__.co_kwonlyargcount])


def _check(function: types.FunctionType, arguments: Any) -> None:
    names = _keywords(function)
    optional: Set[str] = set(function.__kwdefaults__ or ())
    if not isinstance(arguments, dict):
        message = "%s() takes its arguments by name, and args is no object" % function.__name__
        raise WrongArguments(message, _hint(function.__name__, names, optional, ()))
    missing = [repr(name) for name in names if name not in arguments and name not in optional]
    unknown = [repr(name[:100]) for name in arguments if name not in names]
    if missing or unknown:
        faults = ["is missing %s" % ", ".join(missing)] if missing else []
        faults += ["has no parameter %s" % ", ".join(unknown[:_MAX_GIVEN])] if unknown else []
        message = "%s() %s" % (function.__name__, " and ".join(faults))
        raise WrongArguments(message, _hint(function.__name__, names, optional, arguments))


def _hint(function: str, names: List[str], optional: Set[str], given: Any) -> str:
    wanted = ", ".join(name + " (optional)" if name in optional else name for name in names)
    there = ", ".join(repr(name[:100]) for name in list(given)[:_MAX_GIVEN]) or "none of them"
    return "args must be an object with the members that %s takes: %s. Given: %s." % (function, wanted, there)
