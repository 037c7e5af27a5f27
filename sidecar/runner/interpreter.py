"""Which interpreter a `pythonPath` means, and which of its files a jail has to show.

The interpreter is asked, by running `worker/describe.py` in it: a name on PATH, a symbolic link, a virtual
environment's python and a pyenv or asdf shim all answer with the real executable and the real standard library.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from sidecar.config import Config
from sidecar.description import Description, located
from sidecar.errors import InterpreterNotFound

OLDEST_VERSION = (3, 7)

_SCRATCH = "/tmp/"  # noqa: S108 - as worker/jail/mounts.py
_DEVICES = ("/dev/null", "/dev/urandom")


class Interpreter(NamedTuple):
    """A usable CPython: its real executable and version, what it needs of the file system, the path that led to it."""

    executable: str
    version: tuple[int, ...]
    tree: dict[str, Any]
    path: str = ""


async def find(python_path: str, begun: Description | None = None) -> Interpreter:
    """The interpreter that `python_path` means, or `InterpreterNotFound` with each candidate and why it was refused.

    `begun` is a question that was asked ahead; it is answered here if it is the one to be asked.
    """
    tried: list[dict[str, str]] = []
    for candidate in _candidates(python_path):
        found = located(candidate)
        if found is None:
            tried.append({"path": candidate, "reason": "not found on PATH"})
            continue
        answer = await _describe(found, begun)
        if isinstance(answer, Interpreter):
            return answer._replace(path=found)
        tried.append({"path": found, "reason": answer})
    reasons = "; ".join(f"{one['path']}: {one['reason']}" for one in tried)
    message = (
        f"Failed to spawn Python process: {reasons}. "
        f"Set pythonPath (or PYTHON_PATH) to a CPython {OLDEST_VERSION[0]}.{OLDEST_VERSION[1]} or newer."
    )
    raise InterpreterNotFound(message, candidates=tried)


def _candidates(python_path: str) -> tuple[str, ...]:
    # Only the default may mean something else than what it says: a host that names an interpreter gets that one.
    return (python_path, "python", sys.executable) if python_path == Config.python_path else (python_path,)


async def _describe(path: str, begun: Description | None) -> Interpreter | str:
    """Ask the interpreter; a reason where it cannot be used."""
    try:
        description = begun if begun is not None and begun.path == path else Description(path)
    except OSError as error:
        return error.strerror or str(error)
    try:
        output, reason = await asyncio.to_thread(description.answer)
    except asyncio.CancelledError:
        description.abandon()
        raise
    return reason or _interpret(output)


def _interpret(output: bytes) -> Interpreter | str:
    try:
        answer = json.loads(output)
        version = tuple(int(part) for part in answer.pop("version"))
        implementation = answer.pop("implementation")
        executable = str(answer.pop("executable"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return "is not a Python interpreter: it did not describe itself"
    if implementation != "cpython":
        return f"is {implementation}, not CPython"
    if version < OLDEST_VERSION:
        return f"is Python {'.'.join(map(str, version))}, older than {'.'.join(map(str, OLDEST_VERSION))}"
    hidden = next((path for path in (*answer["directories"], *answer["files"]) if path.startswith(_SCRATCH)), None)
    if hidden is not None:
        return f"needs {hidden}, and within a call {_SCRATCH} is the scratch directory: install it somewhere else"
    devices = [path for path in _DEVICES if Path(path).exists()]
    return Interpreter(executable, version, {**answer, "devices": devices})
