from __future__ import annotations

import time
from typing import TYPE_CHECKING

import harness
import pytest

from sidecar.config import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness import ToolRunner

TIMEOUT_MS = 250

NEVER_ENDS = {
    "a loop": "while True: pass",
    "a loop in C": "pow(7, 10 ** 8)",
    "a regular expression": "re.match('(a+)+$', 'a' * 64 + 'b')",
    "a sleep": "time.sleep(3600)",
    "a sleep that ignores every signal": "ignore(); time.sleep(3600)",
    "a loop that ignores every signal": "ignore()\n    while True: pass",
    "a loop that catches everything":
        "while True:\n        try:\n            while True: pass\n        except BaseException: pass",
    "a join of a thread": "thread = threading.Thread(target=time.sleep, args=(3600,)); thread.start(); thread.join()",
    "a deadlock": "lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "a pipe that nobody writes": "os.read(os.pipe()[0], 1)",
    "sigwait": "signal.sigwait([signal.SIGUSR1])",
    "pause": "signal.pause()",
    "many threads that loop": "[threading.Thread(target=spin).start() for _ in range(8)]; spin()",
    "every descriptor closed, then a loop": "os.closerange(0, 1000); spin()",
    "its channel closed, then a loop": "os.close(3); spin()",
    "its output closed, then a loop": "os.close(1); os.close(2); spin()",
    "its channel replaced": "os.dup2(os.open('f', os.O_CREAT | os.O_RDWR), 3); spin()",
    "an awaited loop": "asyncio.run(asyncio.sleep(3600))",
    "an event loop that swallows its cancellation": "asyncio.run(stubborn())",
    "a flush that hangs": "sys.stdout = Hanging()",
    "a result whose encoding hangs": "return Hanging()",
    "an exception whose text hangs": "raise HangingError",
    "a loop at import": None,
    "a generator": "sum(1 for _ in iter(int, 1))",
    "a timer that never rests": "signal.setitimer(signal.ITIMER_REAL, 1e-4, 1e-4); spin()",
}  # fmt: skip

PRELUDE = """
import asyncio, os, re, signal, sys, threading, time
def spin():
    while True: pass
def ignore():
    for number in range(1, 65):
        try: signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError): pass
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
async def stubborn():
    while True:
        try: await asyncio.sleep(3600)
        except BaseException: pass
class Hanging(dict):
    def __contains__(self, key): spin()
    def write(self, text): pass
    def flush(self): spin()
class HangingError(Exception):
    def __str__(self): spin()
print("before", flush=True)
"""


def _ends_in_time(reply: harness.Reply, timeout_ms: float) -> None:
    assert timeout_ms <= reply.usage.wall_ms + reply.usage.queue_ms < timeout_ms + harness.MARGIN_MS


@pytest.mark.parametrize("name", NEVER_ENDS)
def test_a_tool_that_does_not_end_is_ended_at_its_deadline_with_what_it_printed(runner: ToolRunner, name: str) -> None:
    body = NEVER_ENDS[name]
    code = PRELUDE + ("spin()\n" if body is None else "") + f"def run(args):\n    {body or 'pass'}\n"
    reply = runner.run(code, timeout_ms=TIMEOUT_MS)
    assert (reply.error["code"], reply.error["type"]) == ("timeout", "TimeoutError")
    assert str(TIMEOUT_MS) in reply.error["message"]
    assert reply.stdout == "before\n"
    _ends_in_time(reply, TIMEOUT_MS)
    assert runner.run("def run(args): return 1").data == 1


MAY_END = {
    "an atexit handler that hangs": "atexit.register(spin)",
    "a destructor that hangs": "global kept; kept = Dying(); return 1",
    "a destructor that hangs at once": "Dying()",
    "a destructor in a cycle that hangs": "d = Dying(); d.me = d; del d; gc.collect()",
    "a thread that does not end": "threading.Thread(target=spin).start()",
    "a daemon thread that does not end": "threading.Thread(target=spin, daemon=True).start()",
    "a pool of threads that does not end": "concurrent.futures.ThreadPoolExecutor().submit(spin)",
    "a stop signal to itself": "os.kill(os.getpid(), signal.SIGSTOP)",
    "a stop signal from the terminal to itself": "os.kill(os.getpid(), signal.SIGTSTP)",
    "a kill signal to itself": "os.kill(os.getpid(), signal.SIGKILL)",
    "a kill signal to everything": "kill(-1)",
    "a kill signal to its group": "kill(0)",
    "an exit in a thread": "threading.Thread(target=os._exit, args=(0,)).start(); time.sleep(3600)",
    "a trace function that hangs": "sys.setprofile(lambda *a: spin())",
    "a weak reference's callback that hangs": "global w; o = Plain(); w = weakref.ref(o, lambda _: spin()); del o",
}


@pytest.mark.parametrize("name", MAY_END)
def test_whatever_is_left_behind_the_call_ends_by_its_deadline(runner: ToolRunner, name: str) -> None:
    code = f"""
import atexit, concurrent.futures, gc, os, signal, sys, threading, time, weakref
class Plain: pass
class Dying:
    def __del__(self): spin()
def spin():
    while True: pass
def kill(number):
    try: os.kill(number, signal.SIGKILL)
    except OSError: pass
print("before")
def run(args):
    {MAY_END[name]}
"""
    reply = runner.run(code, timeout_ms=TIMEOUT_MS)
    assert reply.code in ("ok", "timeout", "exited", "crashed")
    assert reply.usage.wall_ms < TIMEOUT_MS + harness.MARGIN_MS
    assert reply.stdout == "before\n"
    assert runner.run("def run(args): return 1").data == 1


def test_threads_handlers_and_destructors_get_no_time_after_the_result(runner: ToolRunner) -> None:
    code = """
        import atexit, threading, time
        def spin():
            while True: pass
        class Dying:
            def __del__(self): spin()
        kept = Dying()
        def run(args):
            atexit.register(spin)
            threading.Thread(target=spin).start()
            return "at once"
    """
    assert runner.run(code, timeout_ms=20_000).data == "at once"


@pytest.mark.parametrize("stream", ["1", "2"])
def test_a_flood_of_output_ends_at_its_deadline_with_the_first_bytes_kept(
    runner_with: Callable[[Limits], ToolRunner], stream: str
) -> None:
    runner = runner_with(Limits(stdout_max_bytes=1000, stderr_max_bytes=1000))
    code = f"import os\ndef run(args):\n  os.write({stream}, b'first')\n  while True: os.write({stream}, b'x' * 65536)"
    reply = runner.run(code, timeout_ms=TIMEOUT_MS)
    assert reply.error["code"] == "timeout"
    printed, truncated = (
        (reply.stdout, reply.stdout_truncated) if stream == "1" else (reply.stderr, reply.stderr_truncated)
    )
    assert (printed, truncated) == ("first" + "x" * 995, True)
    _ends_in_time(reply, TIMEOUT_MS)
    assert runner.run("def run(args): return 1").data == 1


def test_output_far_beyond_its_limit_ends_the_call_with_output_limit(
    runner_with: Callable[[Limits], ToolRunner],
) -> None:
    runner = runner_with(Limits(stdout_max_bytes=1000, discard_max_bytes=200_000))
    reply = runner.run("import os\ndef run(args):\n  while True: os.write(1, b'x' * 65536)", timeout_ms=20_000)
    assert reply.error["code"] == "output_limit"
    assert "200000" in reply.error["message"]
    assert (reply.stdout, reply.stdout_truncated) == ("x" * 1000, True)
    assert runner.run("def run(args): return 1").data == 1


def test_cpu_time_beyond_its_limit_ends_the_call_with_cpu_limit(runner_with: Callable[[Limits], ToolRunner]) -> None:
    runner = runner_with(Limits(max_cpu_ms=1000))
    reply = runner.run("print('before')\ndef run(args):\n  while True: pass", timeout_ms=20_000)
    assert (reply.error["code"], reply.stdout) == ("cpu_limit", "before\n")
    assert "1000" in reply.error["message"]
    assert reply.usage.cpu_ms >= 500
    assert runner.run("def run(args): return 1").data == 1


def test_a_sleeping_tool_uses_no_cpu_and_a_busy_one_does(runner: ToolRunner) -> None:
    asleep = runner.run("import time\ndef run(args): time.sleep(0.3)").usage
    busy = runner.run(
        "import time\ndef run(args):\n  end = time.process_time() + 0.3\n  while time.process_time() < end: pass"
    ).usage
    assert asleep.wall_ms >= 300
    assert asleep.cpu_ms < 200
    assert busy.cpu_ms >= 290
    assert busy.max_rss_mb > 1


def test_a_result_just_before_the_deadline_is_the_result(runner: ToolRunner) -> None:
    started = time.monotonic()
    assert runner.run("import time\ndef run(args):\n  time.sleep(0.1)\n  return 1", timeout_ms=20_000).data == 1
    assert time.monotonic() - started < 10


def test_a_deadline_of_a_millisecond_is_a_timeout_or_a_result(runner: ToolRunner) -> None:
    for _ in range(20):
        assert runner.run("def run(args): return 1", timeout_ms=1).code in ("ok", "timeout")
    assert runner.run("def run(args): return 1").data == 1


@pytest.mark.parametrize("code", ["(" * 100_000 + ")" * 100_000, "-" * 1_000_000 + "1", "x = " + "[" * 50_000])
def test_source_that_nests_too_deeply_is_a_syntax_error_or_a_crash_of_its_worker_alone(
    runner: ToolRunner, code: str
) -> None:
    assert runner.run(code).error["code"] in ("syntax_error", "crashed", "memory_limit")
    assert runner.run("def run(args): return 1").data == 1


def test_five_megabytes_of_statements_run_or_meet_a_limit(runner: ToolRunner) -> None:
    code = "x = 1\n" * 800_000 + "def run(args): return 1"
    reply = runner.run(code, timeout_ms=1000)
    assert reply.code in ("ok", "timeout", "memory_limit")
    assert runner.run("def run(args): return 1").data == 1
