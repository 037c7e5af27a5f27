"""Tools that are written with keyword-only parameters: when they count as such, how they are called, what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness import ToolRunner

KEYWORDS = "def run(*, text, limit=10): return [text, limit]"


@pytest.mark.parametrize(
    "code",
    [
        KEYWORDS,
        "async def run(*, text, limit=10): return [text, limit]",
        "def default(*, text, limit=10): return [text, limit]",
        "import functools\ndef loud(f):\n  @functools.wraps(f)\n  def inner(*a, **k): return f(*a, **k)\n"
        f"  return inner\n@loud\n{KEYWORDS}",
    ],
)
def test_the_members_of_the_arguments_are_its_parameters(tools: ToolRunner, code: str) -> None:
    assert tools.run(code, {"text": "a"}).data == ["a", 10]
    assert tools.run(code, {"limit": 1, "text": "a"}).data == ["a", 1]


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("def run(args, *, limit=10): return [args, limit]", [{"text": "a"}, 10]),
        ("def run(*args, limit=10): return [args[0], limit]", [{"text": "a"}, 10]),
    ],
)
def test_with_any_other_parameter_it_takes_its_arguments_as_one(tools: ToolRunner, code: str, data: Any) -> None:
    assert tools.run(code, {"text": "a"}).data == data


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({}, "is missing 'text'"),
        ({"txt": 1}, "is missing 'text' and has no parameter 'txt'"),
        ({"text": "a", "n": 1}, "has no parameter 'n'"),
        ([1], "takes its arguments by name"),
        ("text", "takes its arguments by name"),
    ],
)
def test_arguments_that_do_not_fit_are_an_error_that_names_them(tools: ToolRunner, args: Any, words: str) -> None:
    error = tools.run(KEYWORDS, args).error
    assert (error["code"], error["type"]) == ("tool_error", "TypeError")
    assert words in error["message"]
    assert "text, limit (optional)" in error["hint"]
    assert tools.run(KEYWORDS, {"text": "a"}).data == ["a", 10]


@pytest.mark.parametrize(
    ("parameters", "hinted"),
    [
        ("args", False),
        ("args: dict", False),
        ("args: Dict[str, Any]", False),
        ("args: 'typing.Dict[str, Any]'", False),
        ("args: typing.Any = None", False),
        ("args: 'not a hint'", False),
        ("*args: int", False),
        ("**args: int", False),
        ("*, args, **more: int", False),
        ("args: Args", True),
        ("args: Args | None", True),
        ("args: 'Args'", True),
        ("args: list, more=1", True),
        ("\n  *,\n  text", True),
    ],
)
def test_hints_are_seen_in_the_text_without_running_it(tools: ToolRunner, parameters: str, hinted: bool) -> None:  # noqa: FBT001 - a parameter of the test
    compiled = tools.compile(f"while True: pass\ndef run({parameters}): pass")
    assert not [found for found in compiled.diagnostics if found.severity == "error"] or "|" in parameters
    assert compiled.hinted is hinted


@pytest.mark.parametrize(
    "code", ["x = 1", "def run(*, x: int", "def other(*, x: int): pass", "def run(x): pass  # : *"]
)
def test_code_without_hints_has_none(tools: ToolRunner, code: str) -> None:
    assert tools.compile(code).hinted is False
