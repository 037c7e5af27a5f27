"""What becomes of a denial once it is noted: listed once, counted, bounded, and not lost with a call that is killed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from sidecar.worker import wire

if TYPE_CHECKING:
    from harness import ToolRunner

# A name that can meet a wall.
NEAR = "\n_near = open\n"


def test_the_same_denial_is_listed_once_and_counted(watched: ToolRunner) -> None:
    code = """\
def run(args):
    for n in range(1000):
        for path in ("/etc/a", "/etc/b"):
            try: open(path)
            except OSError: pass
    try: open("/etc/a")
    except OSError: pass
"""
    found = watched.run(code).refused
    assert [(one.argument, one.line, one.count) for one in found.listed] == [
        ("/etc/a", 4, 1000), ("/etc/b", 4, 1000), ("/etc/a", 6, 1),
    ]  # fmt: skip


FLOOD = """\
import os
def run(args):
    for n in range(10_000):
        try: open("/etc/%d" % n)
        except OSError: pass
    os.path.join("a", "b")
    return n
"""


def test_a_flood_of_probes_is_a_short_list_and_a_number_and_slows_nobody_else(watched: ToolRunner) -> None:
    with ThreadPoolExecutor() as pool:
        flood = pool.submit(watched.run, FLOOD, timeout_ms=20_000)
        calm = [watched.run("def run(args): return 1") for _ in range(20)]
        reply = flood.result()
    assert reply.data == 9_999
    assert [one.argument for one in reply.refused.listed] == [f"/etc/{n}" for n in range(wire.VIOLATIONS_MAX)]
    assert reply.refused.omitted == 10_000 - wire.VIOLATIONS_MAX
    assert all(one.data == 1 for one in calm)
    assert sorted(one.usage.wall_ms for one in calm)[10] < 500


@pytest.mark.parametrize(
    "end", ["while True: pass", "os._exit(3)", "os.abort()", "os.kill(os.getpid(), 9); os._exit(1)"]
)
def test_a_call_that_is_killed_keeps_what_it_was_refused(watched: ToolRunner, end: str) -> None:
    code = f"""
        import os
        def run(args):
            for n in range(100):
                try: open('/etc/passwd')
                except OSError: pass
            kept = []
            {end}
    """
    reply = watched.run(code, timeout_ms=1500)
    assert reply.code in ("timeout", "exited", "crashed", "memory_limit")
    (one,) = reply.refused.listed
    # A killed call's number is that of the last time that it had doubled.
    assert (one.argument, one.count) == ("/etc/passwd", 100 if reply.code == "memory_limit" else 64)


def test_threads_are_watched_too_and_lose_nothing(watched: ToolRunner) -> None:
    code = """\
import threading
def probe(number):
    barrier.wait(10)
    for n in range(200):
        try: open("/etc/%d" % number)
        except OSError: pass
barrier = threading.Barrier(8)
def run(args):
    threads = [threading.Thread(target=probe, args=(n,)) for n in range(8)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
"""
    found = watched.run(code, timeout_ms=20_000).refused
    assert sorted((one.argument, one.line, one.count) for one in found.listed) == [
        (f"/etc/{n}", 5, 200) for n in range(8)
    ]
    assert found.omitted == 0


def test_a_thread_that_goes_on_probing_does_not_break_the_answer(watched: ToolRunner) -> None:
    code = """\
import threading
def probe():
    n = 0
    while True:
        n += 1
        try: open("/etc/%d" % n)
        except OSError: pass
def run(args):
    for _ in range(4): threading.Thread(target=probe, daemon=True).start()
    return "x" * 200_000
"""
    for _ in range(5):
        assert len(watched.run(code).data) == 200_000


def test_a_signal_handler_that_meets_a_wall_while_another_is_noted_hangs_nothing(watched: ToolRunner) -> None:
    code = """\
import signal, socket
def handler(*_):
    try: socket.socket()
    except OSError: pass
def run(args):
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    for n in range(3000):
        try: open("/etc/%d" % (n % 5))
        except OSError: pass
    signal.setitimer(signal.ITIMER_REAL, 0)
    return n
"""
    assert watched.run(code, timeout_ms=20_000).data == 2999


def test_what_a_signal_handler_raises_while_a_denial_is_noted_reaches_the_tool(watched: ToolRunner) -> None:
    code = """\
import signal
class Enough(Exception): pass
def handler(*_): raise Enough
def run(args):
    signal.signal(signal.SIGALRM, handler)
    raised = 0
    while raised < 100:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.0005 + raised / 1e6)
            while True:
                try: open("/etc/passwd")
                except OSError: pass
        except Enough: raised += 1
    return raised
"""
    reply = watched.run(code, timeout_ms=20_000)
    assert reply.data == 100
    assert reply.refused.listed[0].count > 100


def test_a_tool_that_breaks_its_own_account_gets_its_result_all_the_same(watched: ToolRunner) -> None:
    code = """\
import json, os, sys, threading
def run(args):
    json.JSONEncoder.encode = os.getcwd = os.path.normpath = None
    sys.modules.clear()
    try: open('/etc/passwd')
    except OSError: return 1
"""
    assert watched.run(code).data == 1


def test_the_depth_of_the_stack_is_bounded_where_the_line_is_looked_for(watched: ToolRunner) -> None:
    code = """\
import functools, re
def deep(n):
    return deep(n - 1) if n else open("/etc/passwd")
def run(args):
    try: deep(400)
    except OSError: return 1
"""
    (one,) = watched.run(code).refused.listed
    assert one.line == 3


@pytest.mark.parametrize(
    "code",
    [
        "import copy, json, re, os.path, asyncio\ndef run(args): return os.path.join('a', 'b').upper()",
        "import os, math\nasync def run(args): return sorted([os.getpid(), math.pi], key=lambda n: -n)[:0]",
        "def run(args): return {'open': 1, 'system': [1].remove(1)}",
    ],
)
def test_a_tool_that_can_meet_no_wall_runs_without_a_hook(watched: ToolRunner, code: str) -> None:
    finder = """
import gc
def default(args): return sum(1 for one in gc.get_objects() if type(one) is type(run) and one.__name__ == "hook")
run, entry = default, run
"""
    assert watched.run(code + "\n" + finder).data == 0
    assert watched.run(code + "\n" + finder + NEAR).data == 1


def test_the_cost_of_an_event_that_is_no_denial_is_a_fraction_of_a_microsecond(watched: ToolRunner) -> None:
    code = """\
import time
def run(args):
    best = 1.0
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(10_000): id(best)
        best = min(best, time.perf_counter() - started)
    return best / 10_000 * 1e6
"""
    assert min(watched.run(code + NEAR).data for _ in range(3)) < 2
