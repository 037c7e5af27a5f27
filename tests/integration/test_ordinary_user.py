"""The same promises for an ordinary user, whose layers are built in a user namespace."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from load import IN_FLIGHT, LOAD, start_load, works
from ordinary_user import USER, environ, needs_user_namespaces
from processes import Watch, resident_kb
from sidecar_process import COMMAND, Sidecar

from sidecar.attacks import corpus
from sidecar.attacks.campaign import LIMITS, MACHINE_WITH_NUMBERS, ROUNDS
from sidecar.attacks.judgement import judge
from sidecar.attacks.stage import EARLIER_CALL, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

# The limits of a campaign, so that attacks on them meet them soon.
SMALL = {
    "PYRUNNER_STDOUT_MAX_BYTES": str(LIMITS.stdout_max_bytes),
    "PYRUNNER_STDERR_MAX_BYTES": str(LIMITS.stderr_max_bytes),
    "PYRUNNER_RESULT_MAX_BYTES": str(LIMITS.result_max_bytes),
    "PYRUNNER_SCRATCH_MAX_BYTES": str(LIMITS.scratch_max_bytes),
    "PYRUNNER_SCRATCH_MAX_INODES": str(LIMITS.scratch_max_inodes),
    "PYRUNNER_DISCARD_MAX_BYTES": str(LIMITS.discard_max_bytes),
}


@pytest.fixture(scope="module")
def sidecar() -> Iterator[Sidecar]:
    with start() as started:
        yield started


def start() -> Sidecar:
    variables = environ()
    needs_user_namespaces(variables)
    command = (variables.get("PYTHON_PATH", sys.executable), *COMMAND[1:])
    return Sidecar({**LOAD, **SMALL, **variables}, command=command, user=USER, cwd=Path("/"))


def test_isolation_is_strict_and_rests_on_a_user_namespace(sidecar: Sidecar) -> None:
    isolation = sidecar.run("def run(args): return 1")["isolation"]
    assert isolation["level"] == "strict"
    assert isolation["layers"][0] == "user_ns"
    assert {"pid_ns", "mount_ns", "net_ns", "pivot_root", "rlimits", "no_new_privs", "seccomp"} <= {
        *isolation["layers"]
    }


def test_a_tool_says_hello(sidecar: Sidecar) -> None:
    code = "def run(args):\n    print('hello')\n    return {'ok': True, 'data': f\"hello {args['name']}\"}\n"
    reply = sidecar.run(code, {"name": "world"})
    assert reply["result"] == {"ok": True, "data": "hello world"}
    assert reply["stdout"] == "hello\n"


REFUSED = {
    "opens a socket": "import socket\ndef run(args): socket.create_connection(('127.0.0.1', 9), 1)",
    "reads a host file": "def run(args): return open('/etc/passwd').read()",
    "lists the host's files": "import os\ndef run(args): return os.listdir('/home')",
    "writes outside its directory": "def run(args): open('/usr/x', 'w')",
    "forks": "import os\ndef run(args): return os.fork()",
    "starts a process": "import subprocess\ndef run(args): subprocess.run(['/bin/true'])",
    "signals the sidecar": "import os\ndef run(args): os.kill(args, 9)",
    "makes a namespace": (
        "import ctypes, os\ndef run(args):\n  libc = ctypes.CDLL(None, use_errno=True)\n"
        "  if libc.unshare(0x10000000): raise OSError(ctypes.get_errno(), 'unshare')"
    ),
}


@pytest.mark.parametrize("code", REFUSED.values(), ids=REFUSED)
def test_an_attack_is_refused(sidecar: Sidecar, code: str) -> None:
    error = sidecar.run(code, sidecar.pid)["result"]["error"]
    assert error["code"] == "tool_error"
    assert error["type"] in ("PermissionError", "FileNotFoundError", "OSError", "ProcessLookupError")
    assert works(sidecar)


@pytest.fixture(scope="module")
def stage(sidecar: Sidecar) -> Iterator[Stage]:
    with Stage() as put_up:
        sidecar.run(EARLIER_CALL.format(secret=put_up.secret), {"secret": put_up.secret})
        yield put_up


@pytest.mark.parametrize("case", corpus.cases(), ids=lambda case: case.name)
def test_an_attack_of_the_corpus_is_held(sidecar: Sidecar, stage: Stage, case: corpus.Case) -> None:
    if case.by_number and platform.machine() != MACHINE_WITH_NUMBERS:
        pytest.skip(f"its system calls have the numbers of {MACHINE_WITH_NUMBERS}")
    for _ in range(ROUNDS):
        reply = sidecar.run(case.code, stage.args(), timeout=case.timeout_ms, maxMemoryMB=LIMITS.max_memory_mb)
        cut = reply["stdoutTruncated"] or reply["stderrTruncated"]
        found = judge(case, reply["result"], truncated=cut)
        if found.verdict == "not applicable":
            pytest.skip(found.detail)
        assert found.verdict == "held", found.detail


def test_the_command_that_attacks_finds_nothing_that_escapes() -> None:
    variables = environ()
    command = (variables.get("PYTHON_PATH", sys.executable), "-m", "sidecar", "attack", "--json", "--only", "files")
    ended = subprocess.run(
        command, user=USER, group=USER, extra_groups=None if USER is None else [], env=variables or None, cwd="/",
        capture_output=True, text=True, check=False, timeout=50,
    )  # fmt: skip
    report = json.loads(ended.stdout)
    assert ended.returncode == 0, report
    assert report["counts"]["held"] > 50
    assert report["counts"]["escaped"] == 0


def test_a_tool_that_loops_ends_at_its_deadline(sidecar: Sidecar) -> None:
    assert sidecar.run("def run(args):\n    while True: pass", timeout=300)["result"]["error"]["code"] == "timeout"


def test_a_tool_that_eats_memory_meets_its_limit(sidecar: Sidecar) -> None:
    code = "def run(args):\n    kept = []\n    while True: kept.append(b'x' * (1 << 20))"
    assert sidecar.run(code)["result"]["error"]["code"] == "memory_limit"
    assert resident_kb(sidecar.pid) < 200 * 1024


def test_nothing_is_left_when_the_sidecar_is_killed() -> None:
    with start() as doomed:
        start_load(doomed)
        with Watch([doomed.pid, *(process.pid for process in doomed.processes())]) as watch:
            assert len(watch.survivors(0)) >= 1 + 2 + IN_FLIGHT
            doomed.kill()
            assert watch.survivors(1.0) == []


def test_doctor_is_content(sidecar: Sidecar) -> None:
    examined = sidecar.call("doctor")
    assert examined["ok"] is True, examined
