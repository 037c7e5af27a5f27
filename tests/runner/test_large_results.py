"""Results that are parsed in a worker of their own, and calls that do not fit their memory before they begin."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness import ToolRunner

LARGE = 400_000


def test_a_large_result_that_says_no_is_counted_as_such(runner: ToolRunner) -> None:
    reply = runner.run(f"def run(args): return {{'ok': False, 'error': {{'message': 'x' * {LARGE}}}}}")
    assert (reply.code, len(reply.result["error"]["message"])) == ("tool_returned_error", LARGE)


def test_long_text_beside_many_containers_is_no_memory_hog(runner: ToolRunner) -> None:
    reply = runner.run("def run(args): return {'text': '\\\\\"a' * 1_300_000, 'rows': [[i] for i in range(200)]}")
    assert reply.code == "ok", reply.result
    assert len(reply.data["text"]) == 3_900_000


def test_a_large_forged_result_is_refused(runner: ToolRunner) -> None:
    payload = "b'{\"ok\":true,' + b' ' * 400_000 + b'}'"
    code = (
        f"import os, struct\ndef run(args):\n    p = {payload}\n    os.write(3, struct.pack('!BI', 0x30, len(p)) + p)"
    )
    assert runner.run(code).code == "crashed"
    assert runner.run("def run(args): return 1").data == 1


def test_a_large_result_nested_too_deeply_is_refused(runner: ToolRunner) -> None:
    payload = "b'{\"ok\":true,\"data\":\"' + b'x' * 400_000 + b'\",\"deep\":' + b'[' * 129 + b']' * 129 + b'}'"
    code = (
        f"import os, struct\ndef run(args):\n    p = {payload}\n    os.write(3, struct.pack('!BI', 0x30, len(p)) + p)"
    )
    assert runner.run(code).code == "crashed"


def test_arguments_that_do_not_fit_the_memory_are_a_memory_failure(runner: ToolRunner) -> None:
    reply = runner.run("def run(args): return len(args)", list(range(2_000_000)), max_memory_mb=32)
    assert (reply.code, reply.error["type"]) == ("memory_limit", "MemoryError")
    assert runner.run("def run(args): return len(args)", [1, 2]).data == 2


def test_code_that_does_not_fit_the_memory_is_a_memory_failure(runner: ToolRunner) -> None:
    reply = runner.run("def run(args): return 1\n" + "#" * 7_000_000, max_memory_mb=8)
    assert (reply.code, reply.error["type"]) == ("memory_limit", "MemoryError")


def test_a_mapping_beyond_the_memory_is_a_memory_failure(runner: ToolRunner) -> None:
    reply = runner.run("import mmap\ndef run(args): mmap.mmap(-1, 1 << 40)")
    assert (reply.code, reply.error["type"]) == ("memory_limit", "MemoryError")


def test_anonymous_maps_work_in_each_of_their_spellings(runner: ToolRunner) -> None:
    code = """
        import mmap
        def run(args):
            maps = [mmap.mmap(-1, 4096), mmap.mmap(-1, 4096, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS),
                    mmap.mmap(-1, 4096, mmap.MAP_PRIVATE), mmap.mmap(-1, 4096, access=mmap.ACCESS_WRITE)]
            for one in maps:
                one[:4] = b"text"
            return [bytes(one[:4]).decode() for one in maps] + [len(mmap.mmap(-1, 4096, access=mmap.ACCESS_READ))]
    """
    assert runner.run(code).data == ["text"] * 4 + [4096]


def test_exit_and_quit_are_there_and_end_the_call(runner: ToolRunner) -> None:
    for name in ("exit", "quit"):
        reply = runner.run(f"def run(args): {name}(2)")
        assert reply.code == "exited"
        assert "2" in reply.error["message"]
        assert "Return a result" in reply.error["hint"]


def test_large_code_is_checked_in_memory_of_its_own(runner: ToolRunner) -> None:
    assert not [one for one in runner.check("def run(args): return 1\n" + "x=1\n" * 300_000) if one.severity == "error"]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="it has a call number of x86-64")
def test_two_runs_cannot_meet_at_a_futex_on_a_shared_file(runner: ToolRunner) -> None:
    code = """
        import ctypes, json, mmap, os, time
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype = ctypes.c_void_p
        def run(args):
            fd = os.open(json.__file__, os.O_RDONLY)
            page = libc.mmap(None, ctypes.c_size_t(4096), 1, 1, fd, ctypes.c_long(0))
            word = ctypes.c_int.from_address(page).value
            started = time.monotonic()
            wait = (ctypes.c_long * 2)(5, 0)
            libc.syscall(ctypes.c_long(202), ctypes.c_void_p(page), 0, word, wait, None, 0)
            return time.monotonic() - started
    """
    # It does not wait at all, so nobody can end its wait.
    assert runner.run(code).data < 2
