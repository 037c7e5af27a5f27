from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness import Found, ToolRunner

FAILING = "# a comment\n\ndef run(args):\n    x = 1\n    return x / 0\n"
LINE = 5
COLUMN = len("    return x")


def _with_position(tools: ToolRunner, interpreter: Found, code: str, line: int, column: int) -> None:
    error = tools.run(code).error
    assert (error["type"], error["line"]) == ("ZeroDivisionError", line)
    if interpreter.version >= (3, 11):
        assert error["column"] == column


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
def test_every_kind_of_line_end_is_accepted_with_true_positions(
    tools: ToolRunner, interpreter: Found, end: str
) -> None:
    _with_position(tools, interpreter, FAILING.replace("\n", end), LINE, COLUMN)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("indentation", ["", "    "], ids=["flat", "indented"])
def test_a_line_end_within_a_string_is_a_line_feed_as_in_any_python_file(
    tools: ToolRunner, end: str, indentation: str
) -> None:
    code = textwrap.indent('def run(args):\n    return """a\nb"""\n', indentation).replace("\n", end)
    assert tools.run(code).data == "a\nb"


def test_mixed_line_ends_are_accepted_with_true_positions(tools: ToolRunner, interpreter: Found) -> None:
    _with_position(tools, interpreter, "x = 1\r\ndef run(args):\n    y = 1\r\n    return y / 0", 4, 12)


def test_a_byte_order_mark_is_accepted_with_true_positions(tools: ToolRunner, interpreter: Found) -> None:
    _with_position(tools, interpreter, "\ufeff" + FAILING, LINE, COLUMN)
    assert tools.run("\ufeff\n    def run(args): return 1").data == 1


def test_a_byte_order_mark_in_the_middle_is_a_syntax_error(tools: ToolRunner) -> None:
    assert tools.run("x = 1\n\ufeffdef run(args): return 1").error["code"] == "syntax_error"


@pytest.mark.parametrize("indentation", [" ", "    ", "\t", "\t\t  ", " " * 40], ids=repr)
@pytest.mark.parametrize("frame", ["{}", "\n{}", "\n\n{}\n  ", "\r\n{}"], ids=repr)
def test_a_common_indentation_is_accepted_with_true_positions(
    tools: ToolRunner, interpreter: Found, indentation: str, frame: str
) -> None:
    code = frame.format(textwrap.indent(FAILING, indentation))
    lines = frame.partition("{")[0].count("\n")
    _with_position(tools, interpreter, code, LINE + lines, COLUMN + len(indentation))


def test_blank_lines_and_comments_need_not_share_the_indentation(tools: ToolRunner, interpreter: Found) -> None:
    code = "\n# flush left\n    import os\n\n  \n# again\n    def run(args):\n# and again\n        return 1 / 0\n"
    _with_position(tools, interpreter, code, 9, 16)


def test_a_string_over_several_lines_may_leave_the_indentation(tools: ToolRunner) -> None:
    code = """
    def run(args):
        return '''first
second
      third'''
"""
    assert tools.run(code).data == "first\nsecond\n  third"


def test_an_error_in_a_line_that_left_the_indentation_has_its_true_column(
    tools: ToolRunner, interpreter: Found
) -> None:
    code = "\n    def run(args):\n        return (\n1 / 0\n        )\n"
    _with_position(tools, interpreter, code, 4, 1)


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"], ids=ascii)
@pytest.mark.parametrize("indentation", ["", "    "], ids=["flat", "indented"])
def test_what_only_unicode_calls_a_line_end_moves_no_line(
    tools: ToolRunner, interpreter: Found, separator: str, indentation: str
) -> None:
    text = f"a{separator}    b"
    code = indentation + f"\n{indentation}".join([f"text = '{text}'", "def run(args):", "    return 1 / 0"])
    _with_position(tools, interpreter, code, 3, len(indentation) + len("    return 1"))
    assert "    return 1 / 0\n" in tools.run(code).error["traceback"]
    assert tools.run(code.replace("1 / 0", "text")).data == text


@pytest.mark.parametrize("indentation", ["", "        "], ids=["flat", "indented"])
@pytest.mark.parametrize(
    ("code", "line", "column"),
    [
        ("def run(args:\n    pass\n", None, None),
        ("x = 1\ny = = 2\n", 2, 5),
        ("def run(args):\n    return 1 +\n", 2, None),
        ("def run(args):\nreturn 1\n", 2, 1),
        ("ключ = 'значення' ключ\n", 1, None),
        ("x = 'open\n", 1, None),
        ("x = '''open\n\n", None, None),
        ("return 1\n", 1, None),
        ("def run(args):\n    break\n", 2, None),
        ("await 1\n", 1, None),
        ("x = 1\n\ty = 2\n", 2, None),
        ("from __future__ import nothing\n", 1, None),
        ("nonlocal x\n", 1, None),
        ("x = 08\n", 1, None),
        ("print 'python 2'\n", 1, None),
    ],
)
def test_code_that_does_not_compile_is_a_syntax_error_with_its_line(  # noqa: PLR0913, PLR0917 - a table
    tools: ToolRunner, interpreter: Found, code: str, line: int | None, column: int | None, indentation: str
) -> None:
    error = tools.run(textwrap.indent(code, indentation)).error
    assert error["code"] == "syntax_error"
    assert error["type"] in ("SyntaxError", "IndentationError", "TabError")
    assert error["message"]
    assert "SyntaxError" in error["traceback"] or "IndentationError" in error["traceback"]
    if line is not None:
        assert error["line"] == line
    assert error["column"] >= 1
    if column is not None and interpreter.version >= (3, 9):
        assert error["column"] == column + (len(indentation) if code.splitlines()[error["line"] - 1] else 0)


def test_a_column_in_a_syntax_error_counts_characters_and_not_bytes(tools: ToolRunner, interpreter: Found) -> None:
    error = tools.run("x = 'ключ 🐍' = = 2\n").error
    assert error["code"] == "syntax_error"
    if interpreter.version >= (3, 9):
        assert error["column"] in (len("x = ") + 1, len("x = 'ключ 🐍' = ") + 1)


def test_a_null_byte_is_a_syntax_error_with_its_line(tools: ToolRunner) -> None:
    error = tools.run("x = 1\n\ny = '\0'\ndef run(args): return 1").error
    assert (error["code"], error["line"]) == ("syntax_error", 3)
    assert "null" in error["message"]


def test_a_lone_surrogate_is_a_syntax_error_with_its_line(tools: ToolRunner) -> None:
    reply = tools.run("x = 1\ny = '\ud800'\ndef run(args): return 1")
    assert (reply.error["code"], reply.error["line"]) == ("syntax_error", 2)
    reply.error["message"].encode("utf-8")


def test_empty_code_has_no_entry_point_and_is_no_syntax_error(tools: ToolRunner) -> None:
    for code in ("", "\n", "   ", "\ufeff", "# only a comment", "\t\n  \n"):
        assert tools.run(code).error["code"] == "no_entry_point", ascii(code)


def test_an_encoding_declaration_in_text_is_only_a_comment(tools: ToolRunner) -> None:
    assert tools.run("# -*- coding: latin-1 -*-\ndef run(args): return 'ключ'").data == "ключ"


def test_a_shebang_line_is_only_a_comment(tools: ToolRunner) -> None:
    assert tools.run("#!/usr/bin/env python3\ndef run(args): return 1").data == 1


def test_future_imports_are_the_tools_own(tools: ToolRunner) -> None:
    code = "def f(x: 'no such name'): pass\ndef g(x: undefined_name): pass\ndef run(args): return 1"
    assert tools.run("from __future__ import annotations\n" + code).data == 1
    assert tools.run(code).error["type"] in ("NameError", "AttributeError")


def test_warnings_of_the_compiler_do_not_stop_a_tool(tools: ToolRunner) -> None:
    assert tools.run("def run(args): return '\\d'").data == "\\d"


def test_five_megabytes_of_code_run(tools: ToolRunner) -> None:
    code = "# " + "x" * 5_000_000 + "\ndef run(args): return 1"
    assert tools.run(code).data == 1
