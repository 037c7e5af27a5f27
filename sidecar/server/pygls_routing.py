"""pygls's router and its protocol class, imported without the language server that comes with them.

Half of the sidecar's start would be the import of `lsprotocol.types`, models of another protocol, and of what makes and
converts them, `attrs` and `cattrs`; nothing here is converted. While pygls is imported, placeholders stand in for them.
Invariant: no placeholder is left in `sys.modules`, so whoever imports one of them afterwards gets the real one.
"""

from __future__ import annotations

import dataclasses
import sys
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOT_NEEDED = (
    "attrs", "cattrs", "cattrs.errors", "lsprotocol", "lsprotocol.converters", "lsprotocol.types",
    "pygls.protocol.language_server",
)  # fmt: skip


class _Placeholder(ModuleType):
    """A module that has any name that is asked for, each a class without members, and an own `define`."""

    define = staticmethod(dataclasses.dataclass)  # of attrs: enough for the messages that pygls makes

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made = type(name, (), {})
        setattr(self, name, made)
        return made


@contextmanager
def _placeholders() -> Iterator[None]:
    put = {name: _Placeholder(name) for name in _NOT_NEEDED if name not in sys.modules}
    sys.modules.update(put)
    try:
        yield
    finally:
        for name in put:
            del sys.modules[name]


with _placeholders():
    from pygls.exceptions import JsonRpcMethodNotFound
    from pygls.protocol import JsonRPCProtocol
    from pygls.server import JsonRPCServer

__all__ = ["JsonRPCProtocol", "JsonRPCServer", "JsonRpcMethodNotFound"]
