"""What the Python client does when its sidecar dies, does not start or is no sidecar, and when the host ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from harness import PATIENCE_S
from processes import Watch, descendants

from sidecar.client import LostSidecar, PyRunner, SidecarExited, SidecarProtocol

ECHO = "def run(args): return args"
ROOT = Path(__file__).parents[2]


def sidecars() -> set[int]:
    """Those that this process has started, other tests' among them."""
    children = {pid for task in Path("/proc/self/task").iterdir() for pid in _children(task)}
    return {pid for pid in children if b"\0-m\0sidecar\0" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def _children(task: Path) -> list[int]:
    return [int(pid) for pid in (task / "children").read_text(encoding="ascii").split()]


def test_when_the_sidecar_dies_the_call_in_flight_fails_and_the_next_finds_its_tools_again() -> None:
    others = sidecars()
    with PyRunner() as runner:
        runner.register("echo", ECHO)
        (ours,) = sidecars() - others
        started = threading.Event()
        outcome: list[SidecarExited] = []

        def call() -> None:
            with pytest.raises(SidecarExited) as lost:
                runner.run(code="def run(args):\n    print()\n    while True: pass", on_stdout=lambda _: started.set())
            outcome.append(lost.value)

        thread = threading.Thread(target=call)
        thread.start()
        assert started.wait(PATIENCE_S)
        os.kill(ours, signal.SIGKILL)
        thread.join(PATIENCE_S)
        assert str(outcome[0]).startswith("The sidecar was ended by signal 9; the calls in flight are lost.")
        assert outcome[0].data["exitCode"] == -9
        assert (outcome[0].data["retryable"], outcome[0].data["mayHaveRun"]) == (True, True)
        assert runner.run("echo", [1])["result"] == {"ok": True, "data": [1]}
        assert [tool["id"] for tool in runner.list()] == ["echo"]


def test_a_command_that_does_not_exist_is_named() -> None:
    with PyRunner(sidecar=["/nowhere/sidecar", "serve"]) as runner:
        for _ in range(2):
            with pytest.raises(SidecarExited, match="Failed to spawn Python process: /nowhere/sidecar serve: "):
                runner.stats()


def test_a_command_is_looked_up_from_the_hosts_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sidecar").symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path)
    with (
        PyRunner(sidecar=["./sidecar", "-c", "import os, sys; sys.exit(os.getcwd())"]) as runner,
        pytest.raises(SidecarExited, match=str(tmp_path)),
    ):
        runner.stats()


@pytest.mark.parametrize(
    ("program", "error", "message"),
    [
        ("sys.exit('no good')", SidecarExited, "exited with code 1 as it started.\nIts last words on stderr:\nno good"),
        ("print('hello', flush=True); sys.stdin.read()", SidecarProtocol, "wrote what is no frame"),
        (
            "print('Content-Length: 2\\r\\n\\r\\n{', end='}', flush=True); sys.stdin.read()",
            SidecarProtocol,
            "no message",
        ),
        (
            """
body = '{"id":1,"result":{"protocolVersion":2}}'
print('Content-Length: %d\\r\\n\\r\\n%s' % (len(body), body), end='', flush=True); sys.stdin.read()
""",
            SidecarProtocol,
            "speaks version 2 of the protocol, this client version 1",
        ),
    ],
    ids=["ends", "text", "no message", "another version"],
)
def test_a_program_that_is_no_sidecar_is_ended_and_described(
    program: str, error: type[LostSidecar], message: str
) -> None:
    with PyRunner(sidecar=[sys.executable, "-c", f"import sys\n{program}"]) as runner:
        before = [process.pid for process in descendants(os.getpid())]
        with pytest.raises(error, match=message):
            runner.stats()
    assert [process.pid for process in descendants(os.getpid())] == before


HOST = """
import os, signal, sys, threading
from sidecar.client import PyRunner
runner = PyRunner()
assert runner.run(code="def run(args): return 1")["result"]["data"] == 1
"""


def host(program: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-X", "dev", "-c", HOST + program],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_a_script_that_never_closes_ends_quietly_and_its_sidecar_with_it() -> None:
    with host("print('ready', flush=True); sys.stdin.read()") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        with Watch(each.pid for each in descendants(process.pid)) as watch:
            _, stderr = process.communicate(timeout=PATIENCE_S)
            assert (process.returncode, stderr) == (0, "")
            assert watch.survivors(2.0) == []


def test_ctrl_c_ends_the_run_that_is_waited_for_and_no_other_and_the_runner_goes_on() -> None:
    program = """
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell starts in the background
sleep = "import time\\ndef run(args): time.sleep(1)"
other = threading.Thread(target=lambda: print(runner.run(code=sleep)["result"]))
other.start()
try:
    spin = "def run(args):\\n    print()\\n    while True: pass"
    runner.run(code=spin, on_stdout=lambda _: print("started", flush=True))
except KeyboardInterrupt:
    other.join()
    print(runner.stats()["errors"])
"""
    with host(program) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        stdout, stderr = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, stdout, stderr) == (0, "{'ok': True, 'data': None}\n{'cancelled': 1}\n", "")


def test_after_a_fork_the_child_is_told_to_make_its_own() -> None:
    program = """
pid = os.fork()
if pid == 0:
    try:
        runner.stats()
    except RuntimeError as error:
        print(error, flush=True)
    os._exit(0)
os.waitpid(pid, 0)
print(runner.run(code="def run(args): return 2")["result"]["data"])
"""
    with host(program) as process:
        stdout, _ = process.communicate(timeout=PATIENCE_S)
    assert stdout == "this runner was used before the fork: make one in each process\n2\n"
