"""Which interpreter a `pythonPath` means, and which of its files a jail has to show.

The interpreter is asked, by running `worker/describe.py` in it: a name on PATH, a symbolic link, a virtual
environment's python and a pyenv or asdf shim all answer with the real executable and the real standard library.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sidecar.config import Config
from sidecar.errors import InterpreterNotFound
from sidecar.runner.waiting import within

WORKER_FOLDER = Path(__file__).parent.parent / "worker"
OLDEST_VERSION = (3, 7)

_DESCRIBE_TIMEOUT_S = 20
_SCRATCH = "/tmp/"  # noqa: S108 - as worker/jail/mounts.py
_DEVICES = ("/dev/null", "/dev/urandom")
# A shim is a shell script that finds its interpreter by these; the zygote itself gets an empty environment.
_SHIM_VARIABLES = ("PATH", "HOME", "LANG")
_SHIM_PREFIXES = ("PYENV_", "ASDF_")
_REASON_MAX_CHARS = 500


@dataclass(frozen=True)
class Interpreter:
    """A usable CPython: its real executable and version, what it needs of the file system, the path that led to it."""

    executable: str
    version: tuple[int, ...]
    tree: dict[str, Any]
    path: str = ""


async def find(python_path: str) -> Interpreter:
    """The interpreter that `python_path` means, or `InterpreterNotFound` with each candidate and why it was refused."""
    tried: list[dict[str, str]] = []
    for candidate in _candidates(python_path):
        found = candidate if os.sep in candidate else shutil.which(candidate)
        if found is None:
            tried.append({"path": candidate, "reason": "not found on PATH"})
            continue
        answer = await _describe(found)
        if isinstance(answer, Interpreter):
            return replace(answer, path=found)
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


async def _describe(path: str) -> Interpreter | str:
    """Ask the interpreter; a reason where it cannot be used."""
    environment = {
        name: value for name, value in os.environ.items() if name in _SHIM_VARIABLES or name.startswith(_SHIM_PREFIXES)
    }
    try:
        process = await asyncio.create_subprocess_exec(
            path, "-I", "-S", "-B", "-X", "utf8", str(WORKER_FOLDER / "describe.py"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        return error.strerror or str(error)
    try:
        output, errors = await within(_DESCRIBE_TIMEOUT_S, process.communicate())
    except TimeoutError:
        return f"did not answer within {_DESCRIBE_TIMEOUT_S} s"
    finally:
        if process.returncode is None:
            # A shim is a shell with children: all of them.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode != 0:
        detail = " ".join(errors.decode("utf-8", "replace").split())[-_REASON_MAX_CHARS:]
        return f"exit status {process.returncode}: {detail or 'no message'}"
    return _interpret(output)


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
