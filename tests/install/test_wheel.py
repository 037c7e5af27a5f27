"""The wheel, installed into an empty virtual environment: the sidecar's command, and the client for hosts in Python."""

from __future__ import annotations

import json
import sys
import venv
from typing import TYPE_CHECKING

import pytest
from job import AS_JSON, IN_PYTHON
from packages import ROOT, offline, wheel

import sidecar

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the package and what it needs, installed from files alone."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python")]
    wheels = ["--no-index", "--find-links", str(ROOT / "ts-client/wheelhouse")]
    installed = offline([*pip, "install", "--quiet", *wheels, str(wheel())], cwd=folder, environ={"HOME": str(folder)})
    assert installed.returncode == 0, installed.stderr
    return folder


def test_five_tools_run_from_python(environment: Path, tmp_path: Path) -> None:
    ended = offline(
        [environment / "bin/python", "-c", IN_PYTHON], cwd=tmp_path, environ={"HOME": str(tmp_path)}, stdin=AS_JSON
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "5 tools\n", "")


def test_the_command_serves(environment: Path, tmp_path: Path) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "run", "params": {"code": "def run(args): return 144"}})
    request = f"Content-Length: {len(body)}\r\n\r\n{body}"
    ended = offline([environment / "bin/pyrunner-sidecar"], cwd=tmp_path, environ={}, stdin=request)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert '"result":{"ok":true,"data":144}' in ended.stdout


def test_the_command_says_its_version(environment: Path, tmp_path: Path) -> None:
    ended = offline([environment / "bin/pyrunner-sidecar", "--version"], cwd=tmp_path, environ={})
    assert ended.stdout == f"pyrunner-sidecar {sidecar.__version__}\n"


def test_what_is_typed_says_so(environment: Path) -> None:
    assert list(environment.glob("lib/python*/site-packages/sidecar/py.typed"))
