"""The environment that the sidecar gets: an allow-list.

A host's environment is full of secrets that the sidecar does not need. PYTHONPATH and PYTHONHOME stay out, so that no
foreign module is loaded into it. The same list as the TypeScript client's `environment.ts`; a test compares them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ALLOWED = frozenset(
    {
        # Where programs, homes and temporary files are.
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "TMPDIR",
        "TMP",
        "TEMP",
        "XDG_RUNTIME_DIR",
        "XDG_CACHE_HOME",
        # A Python that was built with a shared libpython in its own prefix does not start without it.
        "LD_LIBRARY_PATH",
        "LANG",
        "TZ",
        # What shims and virtual environments look at.
        "PYENV_ROOT",
        "PYENV_VERSION",
        "ASDF_DIR",
        "ASDF_DATA_DIR",
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        # The sidecar's configuration; see PYRUNNER_ below.
        "PYTHON_PATH",
        "PYTHON_TIMEOUT_MS",
        "PYTHON_MAX_MEMORY_MB",
        # Without these nothing starts on Windows.
        "SYSTEMROOT",
        "COMSPEC",
        "PATHEXT",
        "USERPROFILE",
    }
)
ALLOWED_PREFIXES = ("PYRUNNER_", "LC_")


def sidecar_environment(host: Mapping[str, str], extra: Mapping[str, str | None]) -> dict[str, str]:
    """Return the allowed part of `host` with `extra` on top of it, where None removes a variable."""
    chosen: dict[str, str | None] = {
        name: value for name, value in host.items() if name.upper() in ALLOWED or name.startswith(ALLOWED_PREFIXES)
    }
    chosen.update(extra)
    environ = {name: value for name, value in chosen.items() if value is not None}
    if "PYTHON_PATH" in environ:
        environ["PYTHON_PATH"] = interpreter(environ["PYTHON_PATH"])
    return environ


def interpreter(python_path: str) -> str:
    """Make a path absolute, since the sidecar's current directory is another. A bare name is looked up on PATH."""
    is_path = os.sep in python_path and os.pathsep not in python_path
    return os.path.abspath(python_path) if is_path else python_path  # noqa: PTH100 - links stay as they were given
