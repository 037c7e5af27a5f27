from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness import Found, ToolRunner

MESSAGE_CHARS = 16 * 1024
TRACEBACK_CHARS = 64 * 1024


def test_an_exception_is_reported_with_type_message_line_and_traceback(tools: ToolRunner) -> None:
    code = "import json\n\ndef inner():\n    raise ValueError('no such thing')\n\ndef run(args):\n    return inner()\n"
    reply = tools.run(code)
    assert reply.result["ok"] is False
    assert reply.error["code"] == "tool_error"
    assert reply.error["type"] == "ValueError"
    assert reply.error["message"] == "no such thing"
    assert reply.error["line"] == 4
    lines = reply.error["traceback"].splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert [line for line in lines if line.startswith("  File ")] == [
        '  File "<tool>", line 7, in run',
        '  File "<tool>", line 4, in inner',
    ]
    assert "    raise ValueError('no such thing')" in lines
    assert lines[-1] == "ValueError: no such thing"


def test_the_column_is_that_of_the_expression_where_python_has_it(tools: ToolRunner, interpreter: Found) -> None:
    error = tools.run("def run(args):\n    text = 'ключ 🐍'; return text + args['n'] + (1 / 0)", {"n": ""}).error
    assert error["line"] == 2
    if interpreter.version >= (3, 11):
        assert error["column"] == 5 + len("text = 'ключ 🐍'; return text + args['n'] + (")
    else:
        assert "column" not in error


def test_frames_of_the_standard_library_are_left_out(tools: ToolRunner) -> None:
    code = "import json\ndef run(args):\n    return json.loads('{')\n"
    error = tools.run(code).error
    assert error["type"] == "JSONDecodeError"
    assert error["line"] == 3
    assert error["traceback"].count("  File ") == 1
    assert "json/" not in error["traceback"]


def test_a_callback_from_the_standard_library_keeps_both_frames_of_the_tool(tools: ToolRunner) -> None:
    code = """\
import functools
def step(a, b):
    raise KeyError("deep")
def run(args):
    return functools.reduce(step, [1, 2]) or sorted([1], key=step)
"""
    error = tools.run(code).error
    assert error["line"] == 3
    assert [line for line in error["traceback"].splitlines() if "File" in line] == [
        '  File "<tool>", line 5, in run',
        '  File "<tool>", line 3, in step',
    ]


def test_nothing_of_the_workers_own_code_is_in_a_traceback(tools: ToolRunner) -> None:
    for code in ("def run(args): return 1 / 0", "1 / 0", "async def run(args): return 1 / 0"):
        trace = tools.run(code).error["traceback"]
        assert trace.count("  File ") == 1, trace
        assert '"<tool>", line 1' in trace


def test_an_error_of_a_registered_tool_names_the_tool(tools: ToolRunner) -> None:
    error = tools.run("def run(args): return 1 / 0", tool_id="weather").error
    assert 'File "<tool:weather>", line 1, in run' in error["traceback"]


def test_an_error_at_import_time_has_its_line(tools: ToolRunner) -> None:
    error = tools.run("x = 1\ny = x / 0\ndef run(args): return 1").error
    assert (error["type"], error["line"], error["code"]) == ("ZeroDivisionError", 2, "tool_error")
    assert "in <module>" in error["traceback"]


def test_a_chained_exception_shows_its_cause(tools: ToolRunner) -> None:
    code = """\
import json
def run(args):
    try:
        json.loads("{")
    except ValueError as error:
        raise LookupError("outer") from error
"""
    error = tools.run(code).error
    assert (error["type"], error["message"], error["line"]) == ("LookupError", "outer", 6)
    assert "JSONDecodeError" in error["traceback"]
    assert "direct cause" in error["traceback"]
    assert "json/" not in error["traceback"]


def test_an_exception_during_handling_shows_the_one_that_was_handled(tools: ToolRunner) -> None:
    code = "def run(args):\n    try:\n        1 / 0\n    except ZeroDivisionError:\n        return args['gone']\n"
    error = tools.run(code).error
    assert (error["type"], error["line"]) == ("KeyError", 5)
    assert "During handling" in error["traceback"]
    assert "ZeroDivisionError" in error["traceback"]


def test_raise_from_none_shows_only_the_last(tools: ToolRunner) -> None:
    code = (
        "def run(args):\n    try:\n        1 / 0\n    except ZeroDivisionError:\n        raise LookupError from None\n"
    )
    assert "ZeroDivisionError" not in tools.run(code).error["traceback"]


def test_a_chain_of_thousands_of_exceptions_is_reported(tools: ToolRunner) -> None:
    code = """
        def run(args):
            error = None
            for number in range(3000):
                try:
                    raise ValueError(number) from error
                except ValueError as caught:
                    error = caught
            raise error
    """
    error = tools.run(code).error
    assert (error["code"], error["type"]) == ("tool_error", "ValueError")
    assert len(error.get("traceback", "")) <= TRACEBACK_CHARS + 100


def test_a_chain_that_closes_on_itself_is_reported(tools: ToolRunner) -> None:
    code = """
        def run(args):
            a, b = ValueError("a"), ValueError("b")
            a.__cause__, b.__cause__ = b, a
            raise a
    """
    assert tools.run(code).error["message"] == "a"


def test_an_exception_group_shows_each_of_its_exceptions(tools: ToolRunner, interpreter: Found) -> None:
    if interpreter.version < (3, 11):
        assert tools.run("def run(args): return ExceptionGroup").error["type"] == "NameError"
        return
    code = """\
import json
def run(args):
    caught = []
    for text in ("{", "["):
        try:
            json.loads(text)
        except ValueError as error:
            caught.append(error)
    raise ExceptionGroup("two", caught)
"""
    error = tools.run(code).error
    assert (error["type"], error["line"]) == ("ExceptionGroup", 9)
    assert error["message"].startswith("two")
    assert error["traceback"].count("JSONDecodeError") == 2
    assert "json/" not in error["traceback"]


def test_endless_recursion_is_reported_and_not_a_crash(tools: ToolRunner) -> None:
    error = tools.run("def run(args):\n    return run(args)").error
    assert (error["code"], error["type"], error["line"]) == ("tool_error", "RecursionError", 2)
    assert "hint" in error
    assert tools.run("def run(args): return 1").data == 1


def test_endless_recursion_through_c_code_is_reported_or_a_crash_but_never_silence(tools: ToolRunner) -> None:
    code = """
        class Loop:
            def __repr__(self): return repr([self])
        def run(args): return repr(Loop())
    """
    assert tools.run(code).code in ("tool_error", "crashed")
    assert tools.run("def run(args): return 1").data == 1


@pytest.mark.parametrize("raised", ["RuntimeError('inner')", "RecursionError()", "MemoryError()"])
def test_an_exception_whose_text_cannot_be_made_is_still_reported(tools: ToolRunner, raised: str) -> None:
    code = f"""
        class Odd(Exception):
            def __str__(self): raise {raised}
            __repr__ = __str__
        def run(args): raise Odd()
    """
    error = tools.run(code).error
    assert (error["code"], error["type"]) == ("tool_error", "Odd")
    assert error["message"]


@pytest.mark.parametrize("raised", ["SystemExit(3)", "KeyboardInterrupt()"])
def test_an_exception_whose_text_ends_the_process_is_still_the_exception(tools: ToolRunner, raised: str) -> None:
    code = f"""
        class Odd(Exception):
            def __str__(self): raise {raised}
        def run(args): raise Odd()
    """
    error = tools.run(code).error
    assert (error["code"], error["type"]) == ("tool_error", "Odd")


def test_an_exception_whose_text_is_not_text_is_still_reported(tools: ToolRunner) -> None:
    code = "class Odd(Exception):\n  def __str__(self): return 7\ndef run(args): raise Odd()"
    assert tools.run(code).error["type"] == "Odd"


def test_a_huge_message_is_cut_with_both_ends_kept(tools: ToolRunner) -> None:
    error = tools.run("def run(args): raise ValueError('start' + 'é🐍' * 5_000_000 + 'end')").error
    assert error["message"].startswith("start")
    assert error["message"].endswith("end")
    assert "characters cut" in error["message"]
    assert len(error["message"]) <= MESSAGE_CHARS + 100
    assert len(error["traceback"]) <= TRACEBACK_CHARS + 100


def test_a_message_with_lone_surrogates_is_shown_escaped(tools: ToolRunner) -> None:
    assert tools.run("def run(args): raise ValueError('a\\ud800b')").error["message"] == "a\\ud800b"


def test_an_exception_class_with_a_huge_name_is_cut(tools: ToolRunner) -> None:
    error = tools.run("def run(args): raise type('N' * 5_000_000, (Exception,), {})('m')").error
    assert error["message"] == "m"
    assert len(error["type"]) < 1000


def test_a_syntax_error_that_the_tool_meets_itself_is_its_own_error(tools: ToolRunner) -> None:
    reply = tools.run("def run(args):\n    x = 1\n    exec('def broken(:')\n")
    assert reply.error["code"] == "tool_error"
    assert reply.error["type"] == "SyntaxError"
    assert reply.error["line"] == 3


def test_an_exception_of_a_coroutine_has_the_tools_frames_only(tools: ToolRunner) -> None:
    code = """\
import asyncio
async def inner():
    await asyncio.sleep(0)
    raise ValueError("late")
async def run(args):
    await asyncio.wait_for(inner(), 1)
"""
    error = tools.run(code).error
    assert (error["type"], error["line"]) == ("ValueError", 4)
    assert "asyncio" not in error["traceback"].replace("await asyncio", "")


def test_a_failed_assertion_without_text_has_its_type_for_a_message_and_its_line(tools: ToolRunner) -> None:
    error = tools.run("def run(args):\n    assert args == 1").error
    assert (error["type"], error["message"], error["line"]) == ("AssertionError", "AssertionError", 2)


def test_the_tools_own_lines_are_shown_even_where_it_cleared_the_line_cache(tools: ToolRunner) -> None:
    error = tools.run("import linecache\ndef run(args):\n    linecache.clearcache()\n    1 / 0").error
    assert error["line"] == 4
    assert error["type"] == "ZeroDivisionError"


def test_thousands_of_frames_do_not_grow_the_report_beyond_its_bound(tools: ToolRunner) -> None:
    code = """
        import sys
        def down(n): return down(n - 1) if n else 1 / 0
        def run(args):
            sys.setrecursionlimit(5000)
            return down(4000)
    """
    error = tools.run(code).error
    assert error["type"] in ("ZeroDivisionError", "RecursionError")
    assert len(error["traceback"]) <= TRACEBACK_CHARS + 100
