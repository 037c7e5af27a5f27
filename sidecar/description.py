"""Asks an interpreter what it is, by running `worker/describe.py` in it: a process that ends by itself.

Apart from everything that takes time to import, so that it can be begun first: it takes as long as those imports.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess

WORKER_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "worker")  # noqa: PTH100, PTH118, PTH120 - pathlib is one of those

_TIMEOUT_S = 20
_REASON_MAX_CHARS = 500
# A shim is a shell script that finds its interpreter by these; the zygote itself gets an empty environment.
_SHIM_VARIABLES = ("PATH", "HOME", "LANG")
_SHIM_PREFIXES = ("PYENV_", "ASDF_")


def located(python_path: str) -> str | None:
    """The file that `python_path`, a name on PATH or a path, means; None where there is none."""
    return python_path if os.sep in python_path else shutil.which(python_path)


class Description:
    """One question; `answer` it or `abandon` it."""

    def __init__(self, path: str) -> None:
        """Ask the interpreter at `path`. OSError where that is no program."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if name in _SHIM_VARIABLES or name.startswith(_SHIM_PREFIXES)
        }
        self.path = path
        self._process = subprocess.Popen(  # noqa: S603 - the host's own choice
            [path, "-I", "-S", "-B", "-X", "utf8", WORKER_FOLDER + "/describe.py"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )

    def answer(self) -> tuple[bytes, str]:
        """Wait for what it says, and why it cannot be used: "" where it can. Blocks until `abandon` at the latest."""
        try:
            output, errors = self._process.communicate(timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.abandon()
            return b"", f"did not answer within {_TIMEOUT_S} s"
        if self._process.returncode != 0:
            detail = " ".join(errors.decode("utf-8", "replace").split())[-_REASON_MAX_CHARS:]
            return b"", f"exit status {self._process.returncode}: {detail or 'no message'}"
        return output, ""

    def abandon(self) -> None:
        """End it, whatever it does: a shim is a shell with children, all of them."""
        if self._process.returncode is None:  # else its number may be another's by now
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
