"""What `make pack` and `make wheel` made, and a machine without a network to install them on."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import sidecar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[2]
WAIT_S = 60.0
NO_NETWORK = ("unshare", "--net")


@functools.cache
def without_network() -> tuple[str, ...]:
    """What a command is put behind to have no network interface; nothing where this user may not do that."""
    try:
        made = subprocess.run([*NO_NETWORK, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        made = False
    return NO_NETWORK if made else ()


def offline(
    command: Sequence[str] | Sequence[str | Path], *, cwd: Path, environ: Mapping[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command without a network and with nothing but `environ` in its environment."""
    return subprocess.run(
        [*without_network(), *command],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], **environ},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


def tarball() -> Path:
    """The Node package."""
    return _built(f"pyrunner-{sidecar.__version__}.tgz")


def wheel() -> Path:
    """The Python package."""
    return _built(f"pyrunner_sidecar-{sidecar.__version__}-py3-none-any.whl")


def _built(name: str) -> Path:
    file = ROOT / "dist" / name
    assert file.exists(), f"no {file}: these tests are run by `make test-install`, which makes it"
    return file
