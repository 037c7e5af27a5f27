"""The promises in a real container, under Docker's default profile, which refuses namespaces and mounts."""

from __future__ import annotations

import platform
import subprocess
from typing import TYPE_CHECKING

import docker_engine
import pytest
from sidecar_process import Sidecar

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTAINERS = {
    "root": (),
    "ordinary user": ("--user=1234:1234",),
    "hardened": (
        "--user=1234:1234",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        "--read-only",
        "--tmpfs=/tmp",
    ),
    "root that may not signal": ("--cap-drop=KILL",),
    "root without capabilities": ("--cap-drop=ALL", "--security-opt=no-new-privileges"),
}
ATTACKS = {
    "reads a host file": "def run(args): return open('/proc/1/environ').read()",
    "writes outside its directory": "def run(args): open('/tmp/x', 'w')",
    "opens a socket": "import socket\ndef run(args): socket.socket()",
    "forks": "import os\ndef run(args): return os.fork()",
    "signals the sidecar": "import os\ndef run(args): os.kill(1, 9)",
}


@pytest.fixture(scope="module")
def docker() -> Iterator[tuple[str, ...]]:
    try:
        with docker_engine.engine() as found:
            docker_engine.import_image(found)
            # The first container is the slow one: an engine unpacks its image, a disk is read.
            first = docker_engine.command(found, arguments=("doctor",))
            subprocess.run(first, capture_output=True, check=True, timeout=docker_engine.PATIENCE_S)
            yield found
    except LookupError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module", params=CONTAINERS)
def sidecar(docker: tuple[str, ...], request: pytest.FixtureRequest) -> Iterator[Sidecar]:
    with Sidecar(command=docker_engine.command(docker, *CONTAINERS[request.param])) as started:
        yield started


def test_isolation_is_strict_and_rests_on_landlock_and_seccomp(sidecar: Sidecar) -> None:
    reply = sidecar.run("def run(args): return args['name']", {"name": "hello"})
    assert reply["result"] == {"ok": True, "data": "hello"}
    assert reply["isolation"]["level"] == "strict"
    assert {"landlock_tree", "rlimits", "identity", "no_new_privs", "seccomp"} <= set(reply["isolation"]["layers"])


@pytest.mark.parametrize("code", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_is_refused(sidecar: Sidecar, code: str) -> None:
    error = sidecar.run(code)["result"]["error"]
    assert error["type"] in ("PermissionError", "FileNotFoundError"), error
    assert sidecar.run("def run(args): return 1")["result"]["data"] == 1


def test_a_tool_that_eats_memory_meets_its_limit(sidecar: Sidecar) -> None:
    code = "def run(args):\n  kept = []\n  while True: kept.append(bytearray(1 << 20))"
    assert sidecar.run(code, maxMemoryMB=64)["result"]["error"]["code"] == "memory_limit"


def test_a_tool_that_loops_ends_at_its_deadline(sidecar: Sidecar) -> None:
    code = "def run(args):\n  while True: pass"
    assert sidecar.run(code, timeout=300)["result"]["error"]["code"] == "timeout"
    assert sidecar.run("def run(args): return 1")["result"]["data"] == 1


def test_doctor_is_content_and_names_the_way_to_more(sidecar: Sidecar) -> None:
    examined = sidecar.call("doctor")
    assert examined["ok"], [check for check in examined["checks"] if not check["ok"]]
    hints = {layer: check["hint"] for check in examined["checks"] for layer in check["missing"]}
    assert "--security-opt seccomp=" in hints["pivot_root"]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the corpus has the call numbers of x86-64")
@pytest.mark.parametrize("name", ["root", "ordinary user"])
def test_the_corpus_of_attacks_escapes_nowhere(docker: tuple[str, ...], name: str) -> None:
    command = docker_engine.command(docker, *CONTAINERS[name], arguments=("attack",))
    attacked = subprocess.run(command, capture_output=True, text=True, check=False, timeout=docker_engine.PATIENCE_S)
    assert attacked.returncode == 0, attacked.stdout + attacked.stderr
    assert "strict: landlock_tree" in attacked.stdout


def test_with_a_profile_that_allows_namespaces_the_first_home_is_taken(docker: tuple[str, ...]) -> None:
    command = docker_engine.command(docker, "--security-opt=seccomp=unconfined", "--user=1234:1234")
    with Sidecar(command=command) as free:
        reply = free.run("def run(args): return 1")
        assert reply["isolation"]["level"] == "strict"
        assert "pivot_root" in reply["isolation"]["layers"]
