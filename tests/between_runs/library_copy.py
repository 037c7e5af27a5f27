"""A copy of the interpreter that runs the tests, whose files a test may let everybody change, and may look at after."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from harness import PATIENCE_S

_LEFT_OUT = (
    "test", "tests", "site-packages", "dist-packages", "idlelib", "lib2to3", "ensurepip", "config-*", "turtledemo",
    "tkinter", "pydoc_data", "*.a", "__pycache__",
)  # fmt: skip
# Long before any file was written: a read that is recorded is seen, whatever the file system's rule for that is.
LONG_AGO_S = 1_000_000
_ASK = "import json, os, sqlite3, sys; print(os.path.dirname(os.__file__), sys.prefix, sep='\\n')"


def place_for_copies() -> Path:
    """A directory that is not below /tmp, where a worker has its scratch directory and sees nothing else."""
    for place in (Path(__file__).parents[2] / ".cache", Path("/var/tmp")):
        if Path("/tmp") not in place.resolve().parents:
            place.mkdir(exist_ok=True)
            return place
    pytest.skip("this machine has no directory for an interpreter but below /tmp")


class Copy:
    """The copied interpreter: `python` is its executable, `library` its standard library."""

    def __init__(self, folder: Path) -> None:
        executable = Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
        library = Path(sysconfig.get_path("stdlib"))
        self.python = folder / "bin" / executable.name
        self.library = folder / library.relative_to(sys.base_prefix)
        self.python.parent.mkdir(parents=True)
        shutil.copy2(executable, self.python)
        shutil.copytree(library, self.library, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        (self.library / "left_source.py").write_text("LEFT = 'nothing'\n", encoding="ascii")
        self._check(folder)
        # Listed before the times are set, since listing a folder changes them.
        self._paths = [self.library, *self.library.rglob("*")]
        for path in self._paths:
            path.chmod(0o777)
            os.utime(path, (LONG_AGO_S, LONG_AGO_S))

    def _check(self, folder: Path) -> None:
        answer = subprocess.run(
            [self.python, "-I", "-B", "-c", _ASK], capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )
        if answer.stdout.split() != [str(self.library), str(folder)]:
            pytest.skip(f"this machine's Python cannot be copied: {answer.stdout.split()} {answer.stderr[-300:]}")

    def state(self) -> dict[str, tuple[int, ...]]:
        """What stat(2) says of each file that was copied. A new one would have changed its folder's times."""
        return {str(path): _facts(path) for path in self._paths}


def _facts(path: Path) -> tuple[int, ...]:
    found = path.lstat()
    return (
        found.st_mode, found.st_nlink, found.st_uid, found.st_gid, found.st_size, found.st_ino,
        found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns,
    )  # fmt: skip
