from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness import ToolRunner


@pytest.mark.parametrize(
    ("change", "look", "fresh"),
    [
        ("counter += 1", "counter", 0),
        ("sys.modules['left'] = sys", "'left' in sys.modules", False),
        ("json.loads = None", "json.loads is None", False),
        ("builtins.sorted = None", "sorted is None", False),
        ("builtins.left = 1", "hasattr(builtins, 'left')", False),
        ("os.environ['LEFT'] = '1'", "os.environ.get('LEFT')", None),
        ("os.mkdir('d'); os.chdir('d')", "os.path.basename(os.getcwd())", "tmp"),
        ("open('left.txt', 'w').close()", "os.listdir('.')", []),
        ("sys.path.insert(0, '/left')", "'/left' in sys.path", False),
        ("sys.setrecursionlimit(5000)", "sys.getrecursionlimit()", 1000),
        ("decimal.getcontext().prec = 5", "decimal.getcontext().prec", 28),
        ("signal.signal(signal.SIGUSR1, signal.SIG_IGN)", "signal.getsignal(signal.SIGUSR1) == 0", True),
        ("os.umask(0o777)", "os.umask(0o22) == 0o777", False),
        ("warnings.simplefilter('error')", "warnings.filters[0][0] == 'error'", False),
        ("logging.getLogger('left').setLevel(50)", "logging.getLogger('left').level", 0),
        ("sys.argv.append('left')", "list(sys.argv)", [""]),
        ("setattr(sys.modules['__main__'], 'left', 1)", "hasattr(sys.modules['__main__'], 'left')", False),
        ("random.seed(1)", "random.random() == random.Random(1).random()", False),
        ("threading.Thread(target=threading.Event().wait, daemon=True).start()", "threading.active_count()", 1),
        ("gc.disable()", "gc.isenabled()", True),
        ("args['left'] = 1", "'left' in args", False),
        ("atexit.register(print, 'left')", "0", 0),
        ("sys.settrace(lambda *a: None)", "sys.gettrace() is None", True),
        ("re.compile = None", "re.compile is None", False),
    ],
)
def test_nothing_that_one_run_changes_is_seen_by_the_next(
    tools: ToolRunner, change: str, look: str, fresh: object
) -> None:
    code = f"""
        import atexit, builtins, decimal, gc, json, logging, os, random, re, signal, sys, threading, warnings
        counter = 0
        def run(args):
            global counter
            seen = {look}
            {change}
            return seen
    """
    for _ in range(tools.config.standby_workers + 2):
        assert tools.run(code).data == fresh


@pytest.mark.parametrize(
    "expression",
    [
        "random.random()",
        "random.SystemRandom().random()",
        "secrets.token_hex()",
        "uuid.uuid4().hex",
        "os.urandom(8).hex()",
        "tempfile.mkdtemp() if False else next(tempfile._get_candidate_names())",
        "random.Random().random()",
    ],
)
def test_chance_differs_from_run_to_run(tools: ToolRunner, expression: str) -> None:
    code = f"import os, random, secrets, tempfile, uuid\ndef run(args): return {expression}"
    seen = [tools.run(code).data for _ in range(8)]
    assert len(set(seen)) == len(seen)


def test_the_main_thread_has_the_workers_number_and_not_its_zygotes(tools: ToolRunner) -> None:
    code = """
        import threading
        def run(args):
            told = getattr(threading.main_thread(), "native_id", None)
            return [told, threading.get_native_id() if told is not None else None]
    """
    told, own = tools.run(code).data
    assert told == own


def test_the_interpreters_counters_do_not_count_calls(tools: ToolRunner) -> None:
    code = "import gc, sys\ndef run(args): return [sys.getallocatedblocks(), gc.get_count()[0]]"
    for _ in range(20):
        tools.run(code)
    seen = [tools.run(code).data for _ in range(40)]
    for counts in zip(*seen, strict=True):
        # What is pinned anew is seen, once in a hundred calls or more; what every fork leaves would be forty.
        assert max(counts) - min(counts) < 20, counts


def test_the_environment_holds_nothing_of_the_host(tools: ToolRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYRUNNER_TEST_SECRET", "secret")
    data = tools.run("import os\ndef run(args): return dict(os.environ)").data
    assert set(data) <= {"TMPDIR", "HOME", "LANG", "LC_CTYPE"}


def test_the_environment_of_the_c_library_is_the_same(tools: ToolRunner) -> None:
    code = """
        import ctypes, os
        def run(args):
            getenv = ctypes.CDLL(None).getenv
            getenv.restype = ctypes.c_char_p
            return [os.fsdecode(getenv(name.encode()) or b"") == value for name, value in os.environ.items()]
    """
    assert all(tools.run(code).data)


def test_the_modules_that_a_tool_finds_loaded_are_those_of_the_standard_library(tools: ToolRunner) -> None:
    code = "import sys\ndef run(args): return sorted(n for n, m in sys.modules.items() if getattr(m, '__file__', None))"
    assert all(name.split(".")[0] != "sidecar" and "worker" not in name for name in tools.run(code).data)


def test_a_tool_cannot_find_another_tools_code_or_arguments_in_memory(tools: ToolRunner) -> None:
    tools.run("constant = 'needle-in-code'\ndef run(args): return args", {"key": "needle-in-arguments"})
    code = """
        import gc
        def run(args):
            words, found = [word[::-1] for word in args], []
            for thing in gc.get_objects():
                if type(thing) in (dict, list, tuple) and thing is not words and thing is not found:
                    found += [word for word in words for part in list(thing) if type(part) is str and word in part]
            return found
    """
    assert tools.run(code, ["edoc-ni-eldeen", "stnemugra-ni-eldeen"]).data == []


def test_the_search_for_another_tools_memory_finds_what_is_there(tools: ToolRunner) -> None:
    code = """
        import gc
        kept = ["needle-in-" + str(number) for number in range(3)]
        def run(args):
            return sum(type(thing) is list and "needle-in-2" in thing for thing in gc.get_objects())
    """
    assert tools.run(code).data >= 1


@pytest.mark.parametrize(
    "patch", ["json.dumps = None", "json.JSONEncoder = None", "traceback.TracebackException = None"]
)
def test_a_tool_that_patches_the_standard_library_gets_its_own_result_all_the_same(
    tools: ToolRunner, patch: str
) -> None:
    code = f"import json, traceback\ndef run(args):\n    {patch}\n    return [1]"
    assert tools.run(code).data == [1]


@pytest.mark.parametrize(
    "patch",
    ["builtins.len = lambda x: 42", "builtins.isinstance = None", "builtins.memoryview = None", "os.write = None",
     "builtins.BaseException = None", "builtins.__dict__.clear()"],
)  # fmt: skip
def test_a_tool_that_breaks_its_interpreter_gets_a_failure_and_the_next_call_works(
    tools: ToolRunner, patch: str
) -> None:
    code = f"import builtins, os\ndef run(args):\n    {patch}\n    return [1]"
    reply = tools.run(code)
    assert reply.result == {"ok": True, "data": [1]} or reply.error["code"] in ("exited", "crashed", "tool_error")
    assert tools.run("def run(args): return 1").data == 1
