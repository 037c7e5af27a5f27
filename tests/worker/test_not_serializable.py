from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness import ToolRunner

_PRELUDE = """
import collections, datetime, decimal, fractions, pathlib, types, uuid
class Thing:
    pass
"""


def _returning(expression: str) -> str:
    return f"{_PRELUDE}\ndef run(args):\n    return {expression}\n"


@pytest.mark.parametrize(
    ("expression", "type_name", "advice"),
    [
        ("float('nan')", "ValueError", "None or a finite number"),
        ("float('inf')", "ValueError", "None or a finite number"),
        ("-float('inf')", "ValueError", "None or a finite number"),
        ("{1, 2}", "TypeError", "sorted(value)"),
        ("frozenset()", "TypeError", "list(value)"),
        ("b'bytes'", "TypeError", "base64"),
        ("bytearray(1)", "TypeError", "base64"),
        ("memoryview(b'')", "TypeError", "base64"),
        ("1j", "TypeError", "two numbers"),
        ("datetime.datetime(2024, 1, 1)", "TypeError", "isoformat()"),
        ("datetime.date(2024, 1, 1)", "TypeError", "isoformat()"),
        ("datetime.timedelta(1)", "TypeError", "total_seconds()"),
        ("decimal.Decimal('1.5')", "TypeError", "str(value)"),
        ("fractions.Fraction(1, 2)", "TypeError", "str(value)"),
        ("uuid.UUID(int=1)", "TypeError", "str(value)"),
        ("pathlib.Path('/')", "TypeError", "str(value)"),
        ("(n for n in [1])", "TypeError", "list(value)"),
        ("range(3)", "TypeError", "list"),
        ("map(str, [1])", "TypeError", "list"),
        ("{}.keys()", "TypeError", "list"),
        ("collections.deque()", "TypeError", "list"),
        ("Thing()", "TypeError", "a dict"),
        ("Thing", "TypeError", "a dict"),
        ("print", "TypeError", "a dict"),
        ("types", "TypeError", "a dict"),
        ("'\\ud800'", "UnicodeEncodeError", "replace"),
        ("'a\\udfffb'", "UnicodeEncodeError", "replace"),
    ],
)
def test_each_value_without_json_is_named_with_its_path_and_what_to_return_instead(
    tools: ToolRunner, expression: str, type_name: str, advice: str
) -> None:
    error = tools.run(_returning(f"{{'items': [0, 1, 2, {expression}]}}")).error
    assert error["code"] == "not_serializable"
    assert error["type"] == type_name
    assert "data.items[3] " in error["message"]
    assert advice in error["message"].partition("; return ")[2]


@pytest.mark.parametrize(
    ("expression", "path"),
    [
        ("{1}", "data"),
        ("[{1}]", "data[0]"),
        ("{'a': [[], [0, {'b': (1, {2})}]]}", "data.a[1][1].b[1]"),
        ("{'not a name': {1}}", 'data["not a name"]'),
        ("{'': {1}}", 'data[""]'),
        ("{'a\"b': {1}}", 'data["a\\"b"]'),
        ("{'a.b': {1}}", 'data["a.b"]'),
        ("{1: {'x': {1}}}", "data[1].x"),
        ("{None: {1}}", "data[None]"),
        ("{'ok': True, 'data': {1}}", "data"),
        ("{'ok': {1}}", "ok"),
        ("{'ok': True, 'extra': [b'']}", "extra[0]"),
        ("collections.namedtuple('P', 'x y')(1, {2})", "data[1]"),
    ],
)
def test_the_path_leads_to_the_value(tools: ToolRunner, expression: str, path: str) -> None:
    error = tools.run(_returning(expression)).error
    assert error["code"] == "not_serializable"
    assert f": {path} is " in error["message"]


@pytest.mark.parametrize(("expression", "path"), [("[{1}, b'']", "data[0]"), ("{'a': b'', 'b': {1}}", "data.a")])
def test_of_several_such_values_the_first_is_named(tools: ToolRunner, expression: str, path: str) -> None:
    assert f": {path} is " in tools.run(_returning(expression)).error["message"]


@pytest.mark.parametrize("key", ["(1, 2)", "b'k'", "frozenset()", "Thing()", "datetime.date(2024, 1, 1)"])
def test_a_key_that_is_not_text_or_number_is_named_with_the_object_that_holds_it(tools: ToolRunner, key: str) -> None:
    error = tools.run(_returning(f"{{'items': [0, {{{key}: 1}}]}}")).error
    assert error["code"] == "not_serializable"
    assert error["type"] == "TypeError"
    assert ": data.items[1] is " in error["message"]
    assert "str(key)" in error["message"]


@pytest.mark.parametrize("key", ["float('nan')", "float('inf')"])
def test_a_key_that_is_no_finite_number_is_named_with_the_object_that_holds_it(tools: ToolRunner, key: str) -> None:
    error = tools.run(_returning(f"{{'items': [0, {{{key}: 1}}]}}")).error
    assert error["code"] == "not_serializable"
    assert "data.items[1]" in error["message"]


def test_a_lone_surrogate_in_a_key_is_named_and_the_message_is_valid_unicode(tools: ToolRunner) -> None:
    reply = tools.run(_returning("{'items': {'a\\ud800': 1}}"))
    assert reply.error["code"] == "not_serializable"
    assert reply.error["type"] == "UnicodeEncodeError"
    assert "data.items[" in reply.error["message"]
    reply.error["message"].encode("utf-8")


def test_a_lone_surrogate_that_came_in_the_arguments_does_not_go_out(tools: ToolRunner) -> None:
    reply = tools.run("def run(args): return args", b'{"text": "\\ud83d"}')
    assert reply.error["code"] == "not_serializable"
    assert "data.text" in reply.error["message"]


def test_a_pair_of_surrogates_in_the_arguments_is_one_character(tools: ToolRunner) -> None:
    assert tools.run("def run(args): return [args['t'], len(args['t'])]", b'{"t": "\\ud83d\\ude00"}').data == ["😀", 1]


@pytest.mark.parametrize(
    ("build", "path"),
    [
        ("value = []; value.append(value)", "data[0]"),
        ("value = {}; value['self'] = value", "data.self"),
        ("inner = {}; value = {'a': [inner]}; inner['up'] = value", "data.a[0].up"),
        ("value = []; value.append((1, [value]))", "data[0][1][0]"),
    ],
)
def test_a_cycle_is_named_where_it_closes(tools: ToolRunner, build: str, path: str) -> None:
    error = tools.run(f"def run(args):\n    {build}\n    return value").error
    assert error["code"] == "not_serializable"
    assert error["type"] == "ValueError"
    assert f": {path} is " in error["message"]
    assert "cycle" in error["message"]


def test_the_same_value_in_two_places_is_no_cycle(tools: ToolRunner) -> None:
    assert tools.run("def run(args):\n    a = [1]\n    return [a, a, {'a': a}]").data == [[1], [1], {"a": [1]}]


@pytest.mark.parametrize("levels", [128, 129, 500, 100_000])
@pytest.mark.parametrize("step", ["[value]", "{'a': value}", "(value,)"])
def test_nesting_beyond_what_hosts_can_parse_is_refused(tools: ToolRunner, levels: int, step: str) -> None:
    code = f"def run(args):\n    value = 1\n    for _ in range({levels}): value = {step}\n    return value"
    error = tools.run(code).error
    assert error["code"] == "not_serializable"
    assert error["type"] == "RecursionError"
    assert "levels deep" in error["message"]
    assert len(error["message"]) < 4096


def test_a_dict_whose_reading_raises_is_the_tools_own_error(tools: ToolRunner) -> None:
    code = """
        class Odd(dict):
            def __contains__(self, key): raise LookupError("odd")
        def run(args): return Odd()
    """
    error = tools.run(code).error
    assert (error["code"], error["type"], error["message"]) == ("tool_error", "LookupError", "odd")


def test_a_coroutine_within_the_result_is_named(tools: ToolRunner) -> None:
    code = """
        async def later(): pass
        def run(args):
            return {"job": later()}
    """
    error = tools.run(code).error
    assert error["code"] == "not_serializable"
    assert ": data.job is " in error["message"]
    assert "await" in error["message"]
