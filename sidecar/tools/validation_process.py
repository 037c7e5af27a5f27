"""The helper process that checks arguments which may take any time: a pattern can backtrack for ever.

It is told a schema and arguments and answers with findings, until its stdin ends. It holds nothing that must survive,
so `validation_pool` kills it at the deadline. What is said is in `validation_wire`.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import json
import os
import resource
import signal
import sys
from typing import TYPE_CHECKING, Any

from sidecar.tools.ajv import findings
from sidecar.tools.schema import SchemaProblem, check_schema, make_validator
from sidecar.tools.validation_wire import REPLY, REQUEST

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_PR_SET_PDEATHSIG = 1
_MAX_MEMORY_BYTES = 4 << 30
# Deep schemas take several frames for each level.
_RECURSION_LIMIT = 4000


def main() -> None:
    """Serve until stdin ends."""
    parent = int(sys.argv[1])
    _die_with(parent)
    sys.setrecursionlimit(_RECURSION_LIMIT)
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)  # integers may have any size, and here a deadline bounds the conversion
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))
    requests, replies = sys.stdin.buffer, sys.stdout.buffer
    while len(head := requests.read(REQUEST.size)) == REQUEST.size:
        schema_bytes, arguments_bytes = REQUEST.unpack(head)
        reply = json.dumps(
            _answer(requests.read(schema_bytes).decode(), requests.read(arguments_bytes).decode())
        ).encode()
        replies.write(REPLY.pack(len(reply)) + reply)
        replies.flush()


def _answer(schema: str, arguments: str) -> dict[str, Any]:
    try:
        if not arguments:
            return {"problem": _problem(json.loads(schema))}
        return {"errors": findings(_validator(schema).iter_errors(json.loads(arguments)))}
    except RecursionError:
        return {"failure": "the schema refers to itself without end, or the arguments are nested too deeply"}
    except Exception as error:  # noqa: BLE001 - python-jsonschema passes on whatever a keyword raised
        return {"failure": f"the schema cannot be evaluated ({type(error).__name__})"}


def _problem(schema: dict[str, Any]) -> dict[str, str] | None:
    try:
        check_schema(schema)
        for _ in make_validator(schema).iter_errors({}):
            pass
    except SchemaProblem as problem:
        return {"reason": problem.reason, "path": problem.path}
    except RecursionError:
        return {"reason": "it refers to itself without end", "path": ""}
    return None


@functools.lru_cache(maxsize=64)
def _validator(schema: str) -> Validator:
    return make_validator(json.loads(schema))


def _die_with(parent: int) -> None:
    """End with the sidecar, even in the middle of a pattern."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it went before the line above
        sys.exit(0)


if __name__ == "__main__":
    main()
