"""Modules of the standard library that tools want loaded before their call: which those are, and loading them.

A zygote that has loaded them forks workers in which importing them again is a look into `sys.modules`. They are names
and nothing else of a tool: its own top level runs in each call, so that every call starts from fresh state.
Invariant: what loading leaves behind is modules. A module that starts threads, or does things by being imported, is
not loaded; what cannot be loaded is left for the call to complain of.
"""

import ast
import os
from typing import Iterable, Iterator, List

# Those that do something, or want a screen, or are not for tools.
_LEFT_OUT = frozenset({
    "antigravity", "ensurepip", "idlelib", "lib2to3", "pip", "site", "this", "tkinter", "turtle", "turtledemo", "venv",
})  # fmt: skip
# Within any package: programs, which run when they are imported (`unittest.__main__`), and tests, which start processes
# and load whatever there is (`ctypes.test`). The jail is not closed yet, and a tool chooses the names.
_LEFT_OUT_PARTS = frozenset({"__main__", "test", "tests"})


def at_the_top(text: str) -> List[str]:
    """The modules that this source imports at its top level, with names that may be modules within them."""
    return sorted(set(_names(ast.parse(text).body)))


def load(names: Iterable[str]) -> None:
    """Import what can be, of the standard library alone: nothing else is on the path of a zygote. RuntimeError."""
    for name in names:
        if not _is_for_tools(name):
            continue
        try:
            __import__(name)
        except BaseException:  # noqa: BLE001 - a name within a module, or one that is missing: a call says so itself
            pass
    if len(os.listdir("/proc/self/task")) > 1:
        raise RuntimeError("a module that was to be loaded beforehand has started a thread")


def _is_for_tools(name: str) -> bool:
    parts = name.split(".")
    return parts[0] not in _LEFT_OUT and _LEFT_OUT_PARTS.isdisjoint(parts)


def _names(body: Iterable[ast.stmt]) -> Iterator[str]:
    for statement in body:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                yield alias.name
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            yield statement.module
            for alias in statement.names:
                yield "%s.%s" % (statement.module, alias.name)
        elif isinstance(statement, (ast.If, ast.Try, ast.With)):
            for field in ("body", "orelse", "finalbody"):
                yield from _names(getattr(statement, field, ()))
