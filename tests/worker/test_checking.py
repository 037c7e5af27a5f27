from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness import Found, ToolRunner


def test_good_code_has_no_findings(tools: ToolRunner) -> None:
    assert tools.check("def run(args): return 1") == ()
    assert tools.check("\ufeff\r\n    async def default(args):\r\n        return 1\r\n") == ()


def test_checking_runs_nothing(tools: ToolRunner) -> None:
    assert tools.check("while True: pass\ndef run(args): return 1") == ()


def test_a_syntax_error_is_one_error_with_its_place(tools: ToolRunner, interpreter: Found) -> None:
    (found,) = tools.check("def run(args):\n    return 1 +* 2\n")
    assert (found.line, found.severity) == (2, "error")
    assert found.message
    if interpreter.version >= (3, 9):
        assert found.column == len("    return 1 +") + 1


def test_positions_are_those_of_the_text_as_given(tools: ToolRunner, interpreter: Found) -> None:
    (found,) = tools.check("\r\n        def run(args):\r\n            return 1 +* 2\r\n")
    assert found.line == 3
    if interpreter.version >= (3, 9):
        assert found.column == len("            return 1 +") + 1


@pytest.mark.parametrize("code", ["", "x = 1", "def Run(args): pass"])
def test_code_without_an_entry_point_is_a_warning(tools: ToolRunner, code: str) -> None:
    (found,) = tools.check(code)
    assert found.severity == "warning"
    assert "run" in found.message


def test_what_the_compiler_warns_of_is_a_warning_with_its_line(tools: ToolRunner) -> None:
    found = tools.check("def run(args):\n    return '\\d'\n")
    assert [(one.line, one.severity) for one in found] == [(2, "warning")]
    assert "\\d" in found[0].message or "escape" in found[0].message


def test_many_warnings_of_the_compiler_are_still_findings(tools: ToolRunner) -> None:
    found = tools.check("def run(args): return 1\n" + "x = '\\d'\n" * 10_000)
    assert found
    assert {one.severity for one in found} == {"warning"}


@pytest.mark.parametrize("code", ["x = '\0'", "x = '\ud800'"], ids=["null", "surrogate"])
def test_text_that_python_cannot_read_is_an_error_with_its_line(tools: ToolRunner, code: str) -> None:
    (found,) = tools.check(f"y = 1\n{code}\n")
    assert (found.line, found.severity) == (2, "error")


@pytest.mark.parametrize("opening", ["(", "[", "{", "-", "not ", "lambda: ", "f(", "x if x else "])
def test_source_that_nests_without_end_is_an_error_and_no_crash_of_ours(tools: ToolRunner, opening: str) -> None:
    found = tools.check(f"def run(args): return {opening * 100_000}1")
    assert [one.severity for one in found] == ["error"]
    assert tools.check("def run(args): return 1") == ()
