"""An ordinary user for tests that run as root: who it is, and what of this machine it can run."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# An id that no account has; where the tests run as an ordinary user already, that user does.
USER = 65_432 if os.geteuid() == 0 else None
ROOT = Path(__file__).parent.parent
_NEW_USER_NAMESPACE = "import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare(0x10000000) and 1)"


@functools.cache
def environ() -> dict[str, str]:
    """What lets that user start the sidecar: an interpreter and packages that it can read. Skips without."""
    if USER is None:
        return {}
    packages = os.pathsep.join([str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))])
    name = "python{}.{}".format(*sys.version_info)
    tried = []
    for path in dict.fromkeys([sys.executable, *filter(None, [shutil.which(name, path=os.defpath)])]):
        found = {"PYTHONPATH": packages, "PYTHON_PATH": path, "HOME": "/", "PATH": os.defpath}
        try:
            probe = ask(path, "import pydantic, jsonschema, pygls, sidecar.cli", found)
        except PermissionError as error:
            tried.append(f"{path}: {error.strerror}")
            continue
        if probe.returncode == 0:
            return found
        tried.append(f"{path}: {probe.stderr.strip().splitlines()[-1]}")
    pytest.skip(f"this machine has no {name} that other users can run: {'; '.join(tried)}")


def needs_user_namespaces(variables: dict[str, str]) -> None:
    """Skips where this machine gives that user no namespaces."""
    if USER is not None and ask(variables["PYTHON_PATH"], _NEW_USER_NAMESPACE, variables).returncode:
        pytest.skip("this machine allows no user namespaces to ordinary users")


def ask(path: str, code: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `code` in that interpreter, as that user."""
    return subprocess.run(
        [path, "-c", code], user=USER, group=USER, extra_groups=[], env=variables, cwd="/",
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
