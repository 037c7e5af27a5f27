"""The tarball of `npm pack`, installed into an empty directory: it runs with any Python from 3.10 on, offline."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import harness
import pytest
from job import AS_JSON, IN_NODE, TOOLS, Tool
from packages import ROOT, WAIT_S, offline, tarball, without_network

import sidecar

if TYPE_CHECKING:
    from pathlib import Path

PYTHONS = [one for one in harness.supported() if one.version >= (3, 10)]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A host's project with the package and nothing else in it."""
    folder = tmp_path_factory.mktemp("project")
    environ = {"HOME": str(folder / "home"), "npm_config_cache": str(folder / "npm")}
    options = ["--offline", "--no-audit", "--no-fund", "--ignore-scripts"]
    installed = offline(["npm", "install", *options, tarball()], cwd=folder, environ=environ)
    assert installed.returncode == 0, installed.stderr
    (folder / "job.mjs").write_text(IN_NODE, encoding="utf-8")
    return folder


def only(python: str, folder: Path) -> dict[str, str]:
    """An environment in which this is the first Python on PATH, and the cache is empty."""
    (folder / "bin").mkdir()
    (folder / "bin/python3").symlink_to(python)
    return {"HOME": str(folder), "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}


def test_where_the_first_use_runs_there_is_no_network(project: Path) -> None:
    if not without_network():
        pytest.skip("only root can take a process's network away; the other tests here ran with one")
    seen = offline(["cat", "/proc/net/dev"], cwd=project, environ={})
    assert [line.split(":")[0].strip() for line in seen.stdout.splitlines()[2:]] == ["lo"]


def test_nothing_runs_while_it_is_installed(project: Path) -> None:
    package = json.loads((project / "node_modules/pyrunner/package.json").read_text(encoding="utf-8"))
    assert not {"preinstall", "install", "postinstall", "prepare"} & set(package["scripts"])
    assert package["version"] == sidecar.__version__


@pytest.mark.parametrize("python", PYTHONS, ids=[one.minor for one in PYTHONS])
def test_five_tools_run_from_node_with_each_python(project: Path, tmp_path: Path, python: harness.Found) -> None:
    environ = only(python.path, tmp_path)
    ended = offline(["node", "job.mjs"], cwd=project, environ=environ, stdin=AS_JSON)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "5 tools\n", "")
    (directory,) = (tmp_path / ".cache/pyrunner").iterdir()
    assert directory.name.startswith(sidecar.__version__)


def test_two_hosts_may_have_their_first_use_at_once(project: Path, tmp_path: Path) -> None:
    environ = only(PYTHONS[-1].path, tmp_path)
    pipe = subprocess.PIPE
    hosts = [
        subprocess.Popen(["node", "job.mjs"], cwd=project, env=environ, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        for _ in range(2)
    ]
    for host in hosts:
        assert host.communicate(AS_JSON, timeout=WAIT_S) == ("5 tools\n", "")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a user who runs several commands."""
    return tmp_path_factory.mktemp("home")


def npx(project: Path, home: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return offline(["npx", "--offline", "pyrunner", *arguments], cwd=project, environ={"HOME": str(home)}, stdin=stdin)


@pytest.mark.parametrize("tool", TOOLS, ids=[tool.id for tool in TOOLS])
def test_a_tool_runs_on_the_command_line(project: Path, home: Path, tool: Tool) -> None:
    ended = npx(project, home, "run", "-", "--args", json.dumps(tool.args), stdin=tool.code)
    assert (ended.returncode, json.loads(ended.stdout)) == (0, {"ok": True, "data": tool.data})


def test_setup_says_where_the_sidecar_is(project: Path, home: Path) -> None:
    ended = npx(project, home, "setup", "--force")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"in       {home}/.cache/pyrunner/{sidecar.__version__}-" in ended.stdout


def test_doctor_finds_every_promise_held(project: Path, home: Path) -> None:
    ended = npx(project, home, "doctor")
    assert (ended.returncode, "checks, all held" in ended.stdout) == (0, True), ended.stdout


def test_the_package_and_the_sidecar_have_one_version() -> None:
    package = json.loads((ROOT / "ts-client/package.json").read_text(encoding="utf-8"))
    assert package["version"] == sidecar.__version__
