"""The second home, as in an unprivileged container: namespaces and mounts are refused, the promises hold all the same.

For root and for an ordinary user, each in a sidecar whose kernel refuses what a container's profile refuses.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from load import IN_FLIGHT, LOAD, start_load, works
from ordinary_user import USER, environ
from processes import Watch
from sidecar_process import COMMAND, WAIT_S, Sidecar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REFUSE = Path(__file__).parent.parent / "refuse_calls.py"
QUOTA_BYTES = 8 << 20
USERS = ["as we are", *(["ordinary user"] if USER is not None else [])]


def contained(user: str, scratch: Path, more: Mapping[str, str] | None = None) -> Sidecar:
    """A sidecar to which namespaces and mounts are refused, with its scratch directories below `scratch`."""
    variables = environ() if user == "ordinary user" else {}
    python = variables.get("PYTHON_PATH", sys.executable)
    return Sidecar(
        {**LOAD, **variables, "PYRUNNER_SCRATCH_DIR": str(scratch), **(more or {})},
        command=(python, str(REFUSE), "namespaces", python, *COMMAND[1:]),
        user=USER if user == "ordinary user" else None,
        cwd=Path("/"),
    )


@pytest.fixture(scope="module", params=USERS)
def user(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scratch")
    _open_to_all(folder)
    return folder


def _open_to_all(folder: Path) -> None:
    if USER is not None:
        folder.chmod(0o1777)
        for path in folder.parents[:2]:
            path.chmod(0o755)


@pytest.fixture(scope="module")
def sidecar(user: str, scratch: Path) -> Iterator[Sidecar]:
    with contained(user, scratch, {"PYRUNNER_SCRATCH_MAX_BYTES": str(QUOTA_BYTES)}) as started:
        yield started


def test_isolation_is_strict_and_says_what_it_rests_on(sidecar: Sidecar) -> None:
    isolation = sidecar.run("def run(args): return 1")["isolation"]
    assert isolation["level"] == "strict"
    layers = set(isolation["layers"])
    assert {
        "landlock_tree",
        "descriptors",
        "scratch_on_disk",
        "rlimits",
        "identity",
        "no_new_privs",
        "seccomp",
    } <= layers
    assert {"scratch_watchdog"} <= layers
    assert layers & {"memory_cgroup_v1", "memory_cgroup_v2", "memory_watchdog"}
    assert not any(layer.endswith("_ns") for layer in layers)


REFUSED = {
    "opens a socket": "import socket\ndef run(args): socket.create_connection(('127.0.0.1', 9), 1)",
    "opens a local socket": "import socket\ndef run(args): socket.socket(socket.AF_UNIX)",
    "reads a host file": "def run(args): return open('/etc/passwd').read()",
    "reads its own environment in /proc": "def run(args): return open('/proc/self/environ').read()",
    "reads the sidecar's environment": "def run(args): return open('/proc/%d/environ' % args).read()",
    "opens the sidecar's standard input": "def run(args): return open('/proc/%d/fd/0' % args)",
    "lists the host's files": "import os\ndef run(args): return os.listdir('/')",
    "lists the other scratch directories": "import os\ndef run(args): return os.listdir('..')",
    "reads a package": "import json, os\ndef run(args):\n  return open(os.path.dirname(json.__file__)"
        " + '/../site-packages/pip/__init__.py').read()",
    "writes outside its directory": "def run(args): open('../x', 'w')",
    "writes to shared memory": "def run(args): open('/dev/shm/x', 'w')",
    "changes a file of the interpreter": "import os\ndef run(args): os.truncate(os.__file__, 0)",
    "links a host file into its directory": "import os\ndef run(args): os.link('/etc/passwd', 'x'); open('x').read()",
    "opens a host file through a link": "import os\ndef run(args): os.symlink('/etc/passwd', 'x'); open('x').read()",
    "forks": "import os\ndef run(args): return os.fork()",
    "starts a process": "import subprocess\ndef run(args): subprocess.run(['/bin/true'])",
    "signals the sidecar": "import os\ndef run(args): os.kill(args, 9)",
    "signals its group": "import os\ndef run(args): os.kill(0, 9)",
    "reads the sidecar's CPU clock": "import time\ndef run(args): return time.clock_gettime(~args << 3 | 2)",
}  # fmt: skip


@pytest.mark.parametrize("code", REFUSED.values(), ids=REFUSED)
def test_an_attack_is_refused(sidecar: Sidecar, code: str) -> None:
    error = sidecar.run(code, sidecar.pid)["result"]["error"]
    assert error["code"] == "tool_error", error
    assert error["type"] in ("PermissionError", "FileNotFoundError", "OSError", "ProcessLookupError"), error
    assert works(sidecar)


def test_nothing_is_said_of_sessions_and_groups(sidecar: Sidecar) -> None:
    code = "import os\ndef run(args): return [os.getsid(args), os.getpgid(args), os.getppid(), os.getpgrp()]"
    assert sidecar.run(code, sidecar.pid)["result"]["data"] == [0, 0, 0, 0]


def test_no_attribute_of_a_file_is_changed(sidecar: Sidecar, tmp_path_factory: pytest.TempPathFactory) -> None:
    victim = tmp_path_factory.mktemp("victim") / "file"
    victim.write_text("as it was")
    for path in (victim, *victim.parents[:3]):
        path.chmod(0o777)
        if USER is not None:
            os.chown(victim, USER, USER)
    before = victim.stat()
    code = (
        "import os\ndef run(args):\n  for change in (lambda: os.chmod(args, 0), lambda: os.utime(args, (1, 1)),\n"
        "      lambda: os.setxattr(args, 'user.x', b'x'), lambda: os.chown(args, 1, 1), lambda: os.truncate(args, 0),\n"
        "      lambda: os.rename(args, args + '2'), lambda: os.unlink(args)):\n"
        "    try: change()\n    except OSError: pass\n"
    )
    assert sidecar.run(code, str(victim))["result"]["ok"]
    after = victim.stat()
    assert (after.st_mode, after.st_mtime, after.st_size) == (before.st_mode, before.st_mtime, before.st_size)
    assert victim.read_text() == "as it was"


def test_what_a_call_leaves_in_its_directory_is_gone_and_the_next_finds_its_own_empty(
    sidecar: Sidecar, scratch: Path
) -> None:
    code = (
        "import os\ndef run(args):\n  for name in ('a', 'b/c', 'locked'):\n    os.makedirs(name + '/d')\n"
        "  os.mkdir('closed', 0o000)\n  top = os.getcwd()\n  for _ in range(60): os.mkdir('deep'); os.chdir('deep')\n"
        "  os.chdir(top)\n  os.symlink('/', 'root')\n  open(b'\\xff\\n', 'w').write('x')\n  return os.getcwd()\n"
    )
    left = sidecar.run(code)["result"]["data"]
    assert left.startswith(str(scratch))
    assert not Path(left).exists()
    assert sidecar.run("import os\ndef run(args): return os.listdir('.')")["result"]["data"] == []


def test_more_files_than_the_quota_allows_end_the_call(sidecar: Sidecar) -> None:
    code = (
        "import time\ndef run(args):\n  for number in range(20):\n    with open(str(number), 'wb') as file:\n"
        "      file.write(b'x' * (1 << 20))\n  time.sleep(20)\n"
    )
    error = sidecar.run(code)["result"]["error"]
    assert (error["code"], error["type"]) == ("output_limit", "ScratchLimitExceeded")
    assert works(sidecar)


HIDES = {
    "behind a path that is too long to name": (
        "for _ in range(30): os.mkdir('d' * 200); os.chdir('d' * 200)\n  open('x' * 200, 'w').close()"
    ),
    "below many directories": "for _ in range(1000): os.mkdir('d'); os.chdir('d')",
    "in a directory that shuts us out": "os.mkdir('closed', 0o300); os.chdir('closed')",
}


@pytest.mark.parametrize("body", HIDES.values(), ids=HIDES)
def test_what_a_tool_hides_is_not_beyond_the_quota(sidecar: Sidecar, body: str) -> None:
    code = (
        f"import os, time\ndef run(args):\n  {body}\n  for number in range(20):\n"
        "    with open(str(number), 'wb') as file: file.write(b'x' * (1 << 20))\n  time.sleep(20)\n"
    )
    assert sidecar.run(code)["result"]["error"]["type"] == "ScratchLimitExceeded"


def test_threads_are_bounded_however_small_they_are(sidecar: Sidecar) -> None:
    code = (
        "import threading, time\ndef run(args):\n  threading.stack_size(32768)\n"
        "  for _ in range(2000): threading.Thread(target=time.sleep, args=(30,), daemon=True).start()\n"
        "  time.sleep(20)\n"
    )
    error = sidecar.run(code, maxMemoryMB=1024)["result"]["error"]
    assert error["type"] in ("ThreadLimitExceeded", "RuntimeError", "MemoryError")


def test_memory_is_counted_when_the_first_thread_is_gone(sidecar: Sidecar) -> None:
    code = (
        "import ctypes, os, threading\nlibc = ctypes.CDLL(None)\ndef eat():\n  kept = []\n"
        "  for _ in range(200): kept.append(libc.mmap); kept.append(bytearray(1 << 19))\n  threading.Event().wait(20)\n"
        "def run(args):\n  threading.Thread(target=eat).start()\n"
        "  libc.syscall(60 if os.uname().machine == 'x86_64' else 93, 0)\n"
    )
    assert sidecar.run(code, maxMemoryMB=48)["result"]["error"]["code"] in ("memory_limit", "crashed", "exited")


def test_a_file_is_opened_to_read_or_to_write_or_not_at_all(sidecar: Sidecar) -> None:
    code = "import os\ndef run(args):\n  return os.open('/dev/ptmx', 3)"
    assert sidecar.run(code)["result"]["error"]["type"] == "PermissionError"


def test_a_file_beyond_the_quota_is_not_written(sidecar: Sidecar) -> None:
    code = f"def run(args):\n  with open('x', 'wb') as file: file.write(b'x' * {QUOTA_BYTES + 1}); file.flush()"
    assert sidecar.run(code)["result"]["error"]["code"] in ("tool_error", "output_limit")


def test_a_tool_that_eats_memory_meets_its_limit(sidecar: Sidecar) -> None:
    code = "def run(args):\n  kept = []\n  while True: kept.append(bytearray(1 << 20))"
    error = sidecar.run(code, maxMemoryMB=64)["result"]["error"]
    assert (error["code"], error["type"]) == ("memory_limit", "MemoryError")


def test_a_top_level_that_is_run_for_its_hints_meets_the_same_limits(sidecar: Sidecar, scratch: Path) -> None:
    fill = "for n in range(1000):\n  with open('%d' % n, 'wb') as file: file.write(b'x' * (1 << 20))\n"
    reply = sidecar.call("register", id="fills", code=fill + "def run(*, n: int): return n")
    assert "schemaDerived" not in reply
    assert "met a limit" in reply["warnings"][0]
    assert not [path for path in scratch.rglob("*") if path.is_file()]


def test_the_standard_limits_are_enough_for_threads_and_large_arguments(sidecar: Sidecar) -> None:
    code = (
        "import decimal, sqlite3, threading\ndef run(args):\n  gate = threading.Event()\n"
        "  threads = [threading.Thread(target=gate.wait) for _ in range(20)]\n  [t.start() for t in threads]\n"
        "  sqlite3.connect(':memory:').execute('select 1')\n  gate.set()\n  [t.join() for t in threads]\n"
        "  return [len(args['text']), str(decimal.Decimal(1) / 3)[:5]]\n"
    )
    assert sidecar.run(code, {"text": "x" * 5_000_000})["result"]["data"] == [5_000_000, "0.333"]


def test_copying_and_unpacking_work_without_setting_attributes(sidecar: Sidecar) -> None:
    code = (
        "import os, shutil, tarfile, tempfile, zipfile\ndef run(args):\n  open('a', 'w').write('text')\n"
        "  os.chmod('a', 0o600)\n  shutil.copy2('a', 'b')\n  with tarfile.open('t.tar', 'w') as t: t.add('a')\n"
        "  with tarfile.open('t.tar') as t: t.extractall('out')\n  shutil.copytree('out', 'tree')\n"
        "  with zipfile.ZipFile('z.zip', 'w') as z: z.write('a')\n  zipfile.ZipFile('z.zip').extractall('zip')\n"
        "  with tempfile.NamedTemporaryFile() as f: f.write(b'x' * 100000)\n"
        "  return [open(p).read() for p in ('b', 'out/a', 'tree/a', 'zip/a')]\n"
    )
    assert sidecar.run(code)["result"]["data"] == ["text"] * 4


def test_doctor_is_content_and_says_what_would_hold_better(sidecar: Sidecar) -> None:
    examined = sidecar.call("doctor")
    assert examined["ok"], [check for check in examined["checks"] if not check["ok"]]
    missing = {layer: check["hint"] for check in examined["checks"] for layer in check["missing"]}
    assert {"pivot_root", "worker_pid_ns", "scratch"} <= set(missing)
    assert "seccomp" in missing["pivot_root"]


@pytest.mark.parametrize("how", ["killed", "at the end of its input", "asked twice to stop"])
def test_nothing_is_left_of_processes_or_files_when_the_sidecar_is(user: str, how: str, tmp_path: Path) -> None:
    _open_to_all(tmp_path)
    with contained(user, tmp_path) as doomed:
        start_load(doomed)
        assert list(tmp_path.glob("pyrunner-*/*"))
        with Watch([doomed.pid, *(process.pid for process in doomed.processes())]) as watch:
            assert len(watch.survivors(0)) >= 1 + 1 + IN_FLIGHT
            if how == "killed":
                doomed.kill()
            elif how == "asked twice to stop":
                for number in (signal.SIGTERM, signal.SIGINT):  # the second does not let the calls end
                    doomed.kill(number)
            else:
                doomed.close_input()
            assert watch.survivors(1.5) == []
    assert list(tmp_path.iterdir()) == []


def test_what_a_sidecar_left_that_was_killed_with_its_zygote_is_swept_by_the_next(user: str, tmp_path: Path) -> None:
    _open_to_all(tmp_path)
    with contained(user, tmp_path) as doomed:
        start_load(doomed)
        processes = [*(process.pid for process in doomed.processes()), doomed.pid]
        with Watch(processes) as watch:
            # Stopped first, so that nobody can clean up after anybody.
            for number in (signal.SIGSTOP, signal.SIGKILL):
                for pid in processes:
                    os.kill(pid, number)
            doomed.wait()
            assert watch.survivors(WAIT_S) == []  # whoever lives holds the lock
    assert list(tmp_path.glob("pyrunner-*"))
    with contained(user, tmp_path) as following:
        assert works(following)
        deadline = time.monotonic() + WAIT_S
        while len(list(tmp_path.iterdir())) > 1:  # a call does not wait for the sweep
            assert works(following)
            assert time.monotonic() < deadline
    assert list(tmp_path.iterdir()) == []
