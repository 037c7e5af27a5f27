"""Whether a tool's code can come near a wall at all, told from the names in it before it runs.

An audit hook, even an empty one, makes each event cost a tenth of a microsecond: `copy.deepcopy`, which asks for the
identity of each object, takes nearly twice as long. A tool that imports only what cannot meet a wall runs without one.
Invariant: what is not known to be harmless counts as near. Code that hides what it does only hides its own violations.
"""

import opcode
import os
from types import CodeType
from typing import Iterator, Set

# Modules that reach no file, process or socket on behalf of who calls them.
_HARMLESS = frozenset({
    "__future__", "abc", "array", "base64", "binascii", "bisect", "calendar", "cmath", "collections", "collections.abc",
    "colorsys", "contextlib", "contextvars", "copy", "copyreg", "csv", "dataclasses", "datetime", "decimal", "difflib",
    "enum", "fractions", "functools", "gc", "graphlib", "hashlib", "heapq", "hmac", "html", "html.parser", "io",
    "ipaddress", "itertools", "json", "keyword", "math", "numbers", "operator", "pprint", "queue", "random", "re",
    "reprlib", "secrets", "statistics", "string", "struct", "sys", "textwrap", "threading", "time", "timeit", "types",
    "typing", "unicodedata", "urllib.parse", "uuid", "warnings", "weakref", "xml.sax.saxutils", "zlib",
})  # fmt: skip
# Builtins and io, and what leads from a harmless module to any other.
_NEAR = frozenset({
    "open", "open_code", "FileIO", "eval", "exec", "__import__", "__builtins__", "__loader__", "__spec__", "modules",
    "__globals__", "__subclasses__",
})  # fmt: skip
# Attributes that are found by something else than their name.
_INDIRECT = frozenset({"getattr", "attrgetter", "methodcaller", "vars", "globals", "__dict__", "__getattribute__"})
_OS = _INDIRECT | frozenset({
    "chdir", "chmod", "chown", "fwalk", "kill", "killpg", "link", "listdir", "makedirs", "mkdir", "popen", "remove",
    "removedirs", "rename", "renames", "replace", "rmdir", "scandir", "symlink", "system", "truncate", "unlink",
    "utime", "walk", *(name for name in dir(os) if name.startswith(("exec", "fork", "posix_spawn", "spawn"))),
})  # fmt: skip
_ASYNCIO = _INDIRECT | frozenset({
    "open_connection", "open_unix_connection", "start_server", "start_unix_server", "create_connection",
    "create_unix_connection", "create_server", "create_unix_server", "create_datagram_endpoint", "getaddrinfo",
    "getnameinfo", "create_subprocess_exec", "create_subprocess_shell", "subprocess_exec", "subprocess_shell",
})  # fmt: skip
# Those that are harmless as long as none of these names is used.
_HARMLESS_WITHOUT = {"os": _OS, "os.path": _OS, "asyncio": _ASYNCIO}

_IMPORT_NAME = opcode.opmap["IMPORT_NAME"]
_STEP = 2


def can_reach_a_wall(code: CodeType) -> bool:
    """Whether a hook is worth its cost for this code."""
    names: Set[str] = set()
    imports: Set[str] = set()
    pending = [code]
    while pending:
        one = pending.pop()
        pending.extend(constant for constant in one.co_consts if isinstance(constant, CodeType))
        names.update(one.co_names)
        imports.update(_imports(one))
    if names & _NEAR:
        return True
    return any(name not in _HARMLESS and not names.isdisjoint(_HARMLESS_WITHOUT.get(name, names)) for name in imports)


def _imports(code: CodeType) -> Iterator[str]:
    """The names of the modules that this code imports by itself; a name that cannot be told is ""."""
    text = code.co_code
    position = text.find(_IMPORT_NAME)
    while position >= 0:
        if position % _STEP == 0:
            index = text[position + 1]
            is_long = position >= _STEP and text[position - _STEP] == opcode.EXTENDED_ARG
            yield "" if is_long or index >= len(code.co_names) else code.co_names[index]
        position = text.find(_IMPORT_NAME, position + 1)
