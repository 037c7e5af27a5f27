from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sidecar.config import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness import ToolRunner

MEMORY_MB = 64

EATS = {
    "one block": "x = bytearray(1 << 30)",
    "a list that grows": "x = []\n    while True: x.append('x' * 100000 + str(len(x)))",
    "a string that doubles": "x = 'x'\n    while True: x += x",
    "a dict that grows": "x = {}\n    while True: x[len(x)] = bytearray(1000)",
    "a number": "x = 1 << (1 << 33)",
    "recursion": "import sys\n    sys.setrecursionlimit(10 ** 9)\n"
        "    def down(x): return down(bytearray(1 << 20)) + x\n"
        "    down(b'')",
    "an exception's message": "raise ValueError('x' * (1 << 30))",
    "a result": "return ['x' * 1000] * 10 ** 8",
}  # fmt: skip


@pytest.mark.parametrize("name", EATS)
def test_a_tool_that_eats_memory_is_told_so(runner: ToolRunner, name: str) -> None:
    reply = runner.run(f"print('before')\ndef run(args):\n    {EATS[name]}", max_memory_mb=MEMORY_MB, timeout_ms=10_000)
    assert (reply.error["code"], reply.error["type"]) == ("memory_limit", "MemoryError")
    assert "maxMemoryMB" in reply.error["hint"]
    assert reply.stdout == "before\n"
    assert reply.usage.max_rss_mb < MEMORY_MB + 40
    assert runner.run("def run(args): return 1", max_memory_mb=MEMORY_MB).data == 1


# What takes memory without asking Python for it: the reply may be any failure, the memory stays bounded in any case.
TAKES = {
    "shared memory":
        "import mmap\n    kept = []\n"
        "    while True:\n        m = mmap.mmap(-1, 1 << 24); m.write(b'x' * (1 << 24)); kept.append(m)",
    "a mapped file": "import mmap, os\n    kept = []\n    f = open('f', 'wb+'); f.truncate(32 << 20)\n"
        "    while True:\n        m = mmap.mmap(f.fileno(), 32 << 20); m.write(b'x' * (32 << 20)); kept.append(m)",
    "malloc": "import ctypes\n    libc = ctypes.CDLL(None); libc.malloc.restype = ctypes.c_void_p\n    while True:\n"
        "        p = libc.malloc(1 << 24)\n        if not p: raise MemoryError\n        ctypes.memset(p, 1, 1 << 24)",
    "malloc without a check": "import ctypes\n    libc = ctypes.CDLL(None); libc.malloc.restype = ctypes.c_void_p\n"
        "    while True: ctypes.memset(libc.malloc(1 << 24), 1, 1 << 24)",
    "blocks in many threads":
        "import threading\n    kept = []\n    def eat():\n        while True: kept.append(bytearray(1 << 20))\n"
        "    threads = [threading.Thread(target=eat) for _ in range(4)]\n    for t in threads: t.start()\n"
        "    for t in threads: t.join()\n    eat()",
    "stacks of threads": "import threading\n    gate = threading.Event()\n    while True:\n"
        "        threading.Thread(target=gate.wait, daemon=True).start()",
    "pipes": "import os\n    while True: os.set_blocking(os.pipe()[1], False)",
    "raised limits": "import resource\n    try: resource.setrlimit(resource.RLIMIT_AS, (-1, -1))\n"
        "    except ValueError: pass\n    x = bytearray(1 << 30)",
}  # fmt: skip


@pytest.mark.parametrize("name", TAKES)
def test_memory_taken_by_other_means_is_bounded_too(runner: ToolRunner, name: str) -> None:
    reply = runner.run(f"def run(args):\n    {TAKES[name]}", max_memory_mb=MEMORY_MB, timeout_ms=10_000)
    assert reply.error["code"] in ("memory_limit", "tool_error", "crashed")
    assert reply.usage.max_rss_mb < MEMORY_MB + 40
    assert runner.run("def run(args): return 1").data == 1


def test_a_tool_that_catches_its_memory_error_can_still_return(runner: ToolRunner) -> None:
    code = """
        def run(args):
            kept = []
            try:
                while True: kept.append(bytearray(1 << 20))
            except MemoryError:
                count = len(kept)
                kept.clear()
                return count
    """
    assert 16 <= runner.run(code, max_memory_mb=MEMORY_MB).data <= MEMORY_MB


def test_the_memory_that_was_asked_for_can_be_used(runner: ToolRunner) -> None:
    for megabytes in (64, 256):
        code = f"def run(args): return len(bytearray({megabytes - 24} << 20))"
        assert runner.run(code, max_memory_mb=megabytes).data == (megabytes - 24) << 20


SMALL = Limits(scratch_max_bytes=1 << 20, scratch_max_inodes=40, max_open_files=32, max_threads=8)


@pytest.fixture
def small(runner_with: Callable[[Limits], ToolRunner]) -> ToolRunner:
    """A runner whose tools get a small scratch directory, few descriptors and few threads."""
    return runner_with(SMALL)


@pytest.mark.parametrize(
    "body",
    [
        "open('a', 'wb').write(b'x' * (2 << 20))",
        "[open(str(n), 'wb').write(b'x' * 300_000) for n in range(10)]",
        "[open(str(n), 'w').close() for n in range(100)]",
        "[os.mkdir(str(n)) for n in range(100)]",
        "[os.symlink('x', str(n)) for n in range(100)]",
        "open('a', 'wb').truncate(2 << 20)",
        "os.posix_fallocate(os.open('a', os.O_CREAT | os.O_RDWR), 0, 2 << 20)",
        "zipfile.ZipFile('a.zip', 'w').writestr('a', b'x' * (2 << 20))",
    ],
)
def test_the_scratch_directory_is_bounded_in_bytes_and_in_files(small: ToolRunner, body: str) -> None:
    reply = small.run(f"import os, zipfile\ndef run(args):\n    {body}")
    assert (reply.error["code"], reply.error["type"]) == ("tool_error", "OSError")
    assert "scratch directory is full" in reply.error["hint"]
    assert small.run("import os\ndef run(args): return os.listdir()").data == []


def test_scratch_space_that_was_freed_can_be_used_again(small: ToolRunner) -> None:
    code = """
        import os
        def run(args):
            for _ in range(20):
                with open("a", "wb") as file: file.write(b"x" * 900_000)
                os.remove("a")
            return os.listdir()
    """
    assert small.run(code).data == []


def test_the_size_of_one_file_is_bounded_by_the_scratch_directory(small: ToolRunner) -> None:
    code = "def run(args):\n    with open('a', 'wb') as f:\n        f.seek(1 << 40)\n        f.write(b'x')"
    assert small.run(code).error["type"] == "OSError"


def test_open_files_are_bounded_and_the_tool_is_told(small: ToolRunner) -> None:
    error = small.run("def run(args):\n    kept = [open('a', 'w') for _ in range(100)]").error
    assert (error["code"], error["type"]) == ("tool_error", "OSError")
    assert "open files" in error["hint"]


def test_descriptors_cannot_be_had_beyond_the_limit_by_other_means(small: ToolRunner) -> None:
    for body in ("while True: os.dup(1)", "while True: os.pipe()", "os.dup2(1, 1000)"):
        assert small.run(f"import os\ndef run(args):\n    {body}").error["type"] == "OSError"


def test_threads_are_allowed_and_bounded(small: ToolRunner) -> None:
    code = """
        import threading
        def run(args):
            gate, count = threading.Event(), 0
            try:
                for _ in range(1000):
                    threading.Thread(target=gate.wait, daemon=True).start()
                    count += 1
            except RuntimeError as error:
                return [count, str(error)]
    """
    reply = small.run(code)
    count, text = reply.data
    assert 1 <= count <= 8
    assert "thread" in text
    error = small.run(code.replace("except RuntimeError as", "except KeyError as")).error
    assert "limit of threads" in error["hint"]


def test_threads_are_bounded_by_default_too(runner: ToolRunner) -> None:
    code = """
        import threading
        def run(args):
            gate = threading.Event()
            for _ in range(100_000):
                threading.Thread(target=gate.wait, daemon=True).start()
    """
    assert runner.run(code, max_memory_mb=4096).error["type"] == "RuntimeError"
    assert runner.run("def run(args): return 1").data == 1


def test_the_scratch_directory_is_private_empty_and_gone_afterwards(runner: ToolRunner) -> None:
    code = """
        import os, tempfile
        def run(args):
            seen = os.listdir("."), os.listdir("/tmp"), os.getcwd(), tempfile.gettempdir(), os.path.expanduser("~")
            open("left.txt", "w").write("x")
            os.makedirs("left/behind")
            os.chmod("left", 0)
            return seen
    """
    for _ in range(5):
        assert runner.run(code).data == [[], [], "/tmp", "/tmp", "/tmp"]


@pytest.mark.parametrize(
    ("working_dir", "inside"),
    [
        (None, "/tmp"),
        ("/tmp", "/tmp"),
        ("/tmp/job", "/tmp/job"),
        ("/tmp/a/b/c", "/tmp/a/b/c"),
        ("job", "/tmp/job"),
        ("/srv/data", "/tmp/srv/data"),
        ("./job/", "/tmp/job"),
        ("../../etc", "/tmp/etc"),
        ("/tmp/../etc", "/tmp/etc"),
        ("/tmpfoo", "/tmp/tmpfoo"),
        ("//tmp//job", "/tmp/job"),
        ("/", "/tmp"),
        (".", "/tmp"),
        ("a b/ключ 🐍", "/tmp/a b/ключ 🐍"),
    ],
)
def test_a_working_directory_lies_in_the_scratch_directory_and_is_empty(
    runner: ToolRunner, working_dir: str | None, inside: str
) -> None:
    code = """
        import os, tempfile
        def run(args):
            open("f", "w").close()
            return [os.getcwd(), tempfile.gettempdir(), os.environ["HOME"], os.listdir(os.getcwd())]
    """
    for _ in range(2):
        assert runner.run(code, working_dir=working_dir).data == [inside, inside, inside, ["f"]]


@pytest.mark.parametrize("working_dir", ["a\0b", "x" * 300, "/tmp/" + "y/" * 3000], ids=["null", "long", "deep"])
def test_a_working_directory_that_cannot_be_made_fails_that_call_alone(runner: ToolRunner, working_dir: str) -> None:
    reply = runner.run("def run(args): return 1", working_dir=working_dir)
    assert reply.error["code"] == "tool_error"
    assert "workingDir" in reply.error["message"]
    assert runner.run("def run(args): return 1").data == 1


@pytest.mark.parametrize(
    "body",
    [
        "os.fork()",
        "os.execv('/bin/sh', ['sh'])",
        "os.execve(sys.executable, ['python'], {})",
        "os.posix_spawn('/bin/sh', ['sh'], {})",
        "subprocess.run([sys.executable, '-c', ''])",
        "os.kill(2, 0)",
        "os.kill(1234567, 9)",
    ],
)
def test_other_processes_are_refused(runner: ToolRunner, body: str) -> None:
    error = runner.run(f"import os, subprocess, sys\ndef run(args):\n    {body}").error
    assert (error["code"], error["type"]) == ("tool_error", "PermissionError")
    assert "processes" in error["hint"]
