"""What every child of a process writes to is copied by the fork instead of by faults, where memory can be pinned."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = str(Path(__file__).parents[2] / "sidecar" / "worker")
PAGES = 400

# Its arguments: the package's folder, how many pages children write to, whether one is alive at the look around.
PROGRAM = """
import ctypes, importlib.util, json, os, signal, sys

folder, pages, has_child = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "alive"
spec = importlib.util.spec_from_file_location("worker", folder + "/__init__.py", submodule_search_locations=[folder])
sys.modules["worker"] = importlib.util.module_from_spec(spec)
from worker import pinned
from worker.jail import libc

ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)  # PR_SET_THP_DISABLE: a page of 2 MiB would be one fault
# More than any child writes to, so that all of it being this process's own says that there is no child.
memory = ctypes.create_string_buffer(b"x" * (6 << 20))

def write():
    for at in range(0, pages * 4096, 4096):
        memory[at] = b"y"

def faults():
    pid = os.fork()
    if pid == 0:
        write()
        os._exit(0)
    return os.wait4(pid, 0)[2].ru_minflt

looked = pinned.Pages()
before = faults()
child = 0
reader, writer = os.pipe()
if has_child:
    child = os.fork()
    if child == 0:
        write()
        os.write(writer, b"!")
        signal.pause()
    os.read(reader, 1)
looked.pin()
if child:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
try:
    libc.system_call("io_uring_register", libc.system_call("io_uring_setup", 1, bytes(120)), 0, bytes(16), 0)
    refused = ""
except OSError as error:
    refused = "" if error.errno == 22 else str(error)  # EINVAL: no buffers were named
print(json.dumps({"before": before, "after": faults(), "refused": refused}))
"""


def run(has_child: str) -> dict[str, int]:
    command = [sys.executable, "-I", "-c", PROGRAM, FOLDER, str(PAGES), has_child]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    answer: dict[str, int] = json.loads(done.stdout)
    return answer


def test_pages_that_a_living_child_has_written_to_cost_the_next_no_fault() -> None:
    answer = run("alive")
    if answer["refused"]:
        pytest.skip(f"this machine lets nobody pin memory: {answer['refused']}")
    assert answer["before"] > PAGES
    assert answer["after"] < answer["before"] - PAGES // 2


def test_nothing_is_pinned_while_no_child_shows_what_it_writes_to() -> None:
    answer = run("none")
    assert answer["after"] > PAGES
