from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness import ToolRunner

ECHO = "def run(args): return args['value']"


@pytest.mark.parametrize(
    "value",
    [None, True, False, 0, -1, 1.5, "", "text", [], {}, [[]], [{}], {"a": []}, [None], {"": ""}, {"data": 1}],
    ids=repr,
)
def test_a_plain_value_comes_back_as_data(tools: ToolRunner, value: Any) -> None:
    assert tools.run(ECHO, {"value": value}).result == {"ok": True, "data": value}


def test_a_tool_that_returns_nothing_succeeds_with_null(tools: ToolRunner) -> None:
    assert tools.run("def run(args): pass").result == {"ok": True, "data": None}


@pytest.mark.parametrize(
    "value",
    [
        {"ok": True, "data": 1},
        {"ok": True},
        {"ok": True, "data": {"ok": False}, "more": [1, 2]},
        {"ok": False, "error": {"message": "no", "code": "mine"}},
        {"ok": False, "error": "text"},
        {"ok": None},
    ],
    ids=repr,
)
def test_a_dict_with_an_ok_key_is_passed_through_as_it_is(tools: ToolRunner, value: Any) -> None:
    assert tools.run(ECHO, {"value": value}).result == value


def test_a_failure_that_the_tool_returned_is_counted_as_the_tools_own(tools: ToolRunner) -> None:
    assert tools.run("def run(args): return {'ok': True}").code == "ok"
    assert tools.run("def run(args): return {'ok': False}").code == "tool_returned_error"


def test_an_ok_key_deeper_down_is_data(tools: ToolRunner) -> None:
    assert tools.run("def run(args): return [{'ok': False}]").data == [{"ok": False}]


def test_the_data_of_a_dict_without_ok_is_the_whole_dict(tools: ToolRunner) -> None:
    value = {"data": 1, "error": 2}
    assert tools.run(ECHO, {"value": value}).data == value


@pytest.mark.parametrize("arguments", [b"null", b"[]", b'"text"', b"1", b"{}"])
def test_arguments_of_every_json_type_reach_the_tool(tools: ToolRunner, arguments: bytes) -> None:
    assert tools.run("def run(args): return args", arguments).data == json.loads(arguments)


def test_an_integer_of_ten_thousand_digits_goes_through_unchanged(tools: ToolRunner) -> None:
    digits = b"7" * 10_000
    code = """
        def run(args):
            assert args["n"] == 7 * (10 ** 10000 - 1) // 9
            return [args["n"], -args["n"], len(str(args["n"]))]
    """
    reply = tools.run(code, b'{"n":%s}' % digits)
    assert reply.code == "ok"
    assert reply.raw == b'{"ok":true,"data":[%s,-%s,10000]}' % (digits, digits)


@pytest.mark.parametrize("number", ["9007199254740993", "-9223372036854775809", "18446744073709551616"])
def test_an_integer_beyond_the_exact_floats_keeps_every_digit(tools: ToolRunner, number: str) -> None:
    assert tools.run(ECHO, b'{"value": %s}' % number.encode()).raw == b'{"ok":true,"data":%s}' % number.encode()


@pytest.mark.parametrize("number", [0.1, 1e-320, 1.7976931348623157e308, -0.0, 5e-324, 1 / 3])
def test_a_float_keeps_every_bit(tools: ToolRunner, number: float) -> None:
    assert repr(tools.run(ECHO, {"value": number}).data) == repr(number)


def test_text_from_every_plane_of_unicode_goes_through_unchanged(tools: ToolRunner) -> None:
    text = "".join(
        chr(plane * 0x10000 + offset)
        for plane in range(17)
        for offset in (0x0, 0x1, 0x7F, 0x80, 0x7FF, 0x800, 0x2028, 0xD7FF, 0xE000, 0xFEFF, 0xFFFD, 0xFFFE, 0xFFFF)
    )
    reply = tools.run(ECHO, {"value": {text: [text]}})
    assert reply.data == {text: [text]}


def test_control_characters_and_null_go_through_unchanged(tools: ToolRunner) -> None:
    text = "".join(map(chr, range(32))) + '"\\/\u007f'
    assert tools.run(ECHO, {"value": text}).data == text


def test_text_in_the_code_itself_may_be_any_unicode(tools: ToolRunner) -> None:
    assert tools.run("def run(args): return {'ключ 🐍': 'значення 𐍈'}").data == {"ключ 🐍": "значення 𐍈"}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("(1, (2, ()))", [1, [2, []]]),
        ("collections.OrderedDict([('b', 1), ('a', 2)])", {"b": 1, "a": 2}),
        ("collections.defaultdict(list, {'a': [1]})", {"a": [1]}),
        ("collections.Counter('aab')", {"a": 2, "b": 1}),
        ("collections.namedtuple('Point', 'x y')(1, 2)", [1, 2]),
        ("Number.TWO", 2),
        ("[Number.TWO, Text('t'), Amount(1.5), Items([1])]", [2, "t", 1.5, [1]]),
        ("{1: 'a', -2: 'b'}", {"1": "a", "-2": "b"}),
        ("{True: 1, None: 2, 1.5: 3}", {"true": 1, "null": 2, "1.5": 3}),
        ("{Number.TWO: 1}", {"2": 1}),
    ],
)
def test_what_json_has_a_form_for_is_written_in_it(tools: ToolRunner, expression: str, expected: Any) -> None:
    code = f"""
        import collections, enum
        class Number(enum.IntEnum):
            TWO = 2
        class Text(str): pass
        class Amount(float): pass
        class Items(list): pass
        def run(args): return {expression}
    """
    assert tools.run(code).data == expected


def test_the_order_of_keys_is_kept(tools: ToolRunner) -> None:
    keys = [f"k{(i * 37) % 100}" for i in range(100)]
    assert list(tools.run(ECHO, {"value": dict.fromkeys(keys, 0)}).data) == keys


def test_an_argument_and_a_result_of_five_megabytes_go_through(tools: ToolRunner) -> None:
    text = "aé🐍 " * (5 * 1024 * 1024 // 8)
    assert tools.run(ECHO, {"value": text}).data == text


def test_a_result_beyond_the_limit_is_an_error_that_names_both_sizes(tools: ToolRunner) -> None:
    limit = tools.config.limits.result_max_bytes
    error = tools.run("def run(args): return 'x' * args['n']", {"n": limit}).error
    assert error["code"] == "result_too_large"
    assert str(limit) in error["message"]
    assert str(limit + len('{"ok":true,"data":""}')) in error["message"]


def test_a_result_of_exactly_the_limit_goes_through(tools: ToolRunner) -> None:
    room = tools.config.limits.result_max_bytes - len('{"ok":true,"data":""}')
    reply = tools.run("def run(args): return 'x' * args['n']", {"n": room})
    assert reply.code == "ok"
    assert len(reply.raw) == tools.config.limits.result_max_bytes


def test_nesting_as_deep_as_allowed_goes_through(tools: ToolRunner) -> None:
    code = """
        def run(args):
            value = []
            for _ in range(125): value = [value]
            return {"deep": value}
    """
    assert tools.run(code).code == "ok"


def test_brackets_inside_text_are_not_nesting(tools: ToolRunner) -> None:
    text = '[{"\\' * 500
    assert tools.run(ECHO, {"value": [text, {text: text}]}).data == [text, {text: text}]


def test_what_a_tool_does_to_its_arguments_stays_in_its_call(tools: ToolRunner) -> None:
    code = "def run(args):\n  args['seen'] = args.get('seen', 0) + 1\n  return args"
    for _ in range(3):
        assert tools.run(code, {}).data == {"seen": 1}
