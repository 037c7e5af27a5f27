"""Envelope: a body becomes a message, or a verdict that says what to answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import InvalidParams
from sidecar.protocol.arguments import Arguments, HugeInteger
from sidecar.server.envelope import Notification, Rejected, Request, Response, parse

PARSE_ERROR, INVALID_REQUEST = -32700, -32600


def run(arguments: str) -> Arguments:
    message = parse(b'{"jsonrpc":"2.0","id":1,"method":"run","params":{"code":"","args":%b}}' % arguments.encode())
    assert isinstance(message, Request)
    assert isinstance(message.params, dict)
    found = message.params["args"]
    assert isinstance(found, Arguments)
    return found


def rejected(body: bytes) -> tuple[int, str]:
    with pytest.raises(Rejected) as caught:
        parse(body)
    return caught.value.error.code, caught.value.id_text


def test_a_request_keeps_its_id_as_it_was_spelled() -> None:
    for text in ("1", "1.0", "1.50", "-7", '"a"', '"\\u0061\\ud800"', "9" * 5000, "1e3"):
        message = parse(b'{"jsonrpc":"2.0","id":%b,"method":"list"}' % text.encode())
        assert isinstance(message, Request)
        assert message.id_text == text


def test_missing_and_null_params_are_empty() -> None:
    for body in (
        b'{"jsonrpc":"2.0","id":1,"method":"list"}',
        b'{"jsonrpc":"2.0","id":1,"method":"list","params":null}',
    ):
        assert parse(body) == Request(1, "1", "list", {})


def test_params_that_are_no_object_are_bad_params_of_a_known_request() -> None:
    for params in (b"[]", b"[1]", b'"x"', b"3", b"true"):
        message = parse(b'{"jsonrpc":"2.0","id":1,"method":"list","params":%b}' % params)
        assert isinstance(message, Request)
        assert isinstance(message.params, InvalidParams)


def test_a_message_without_id_is_a_notification() -> None:
    assert parse(b'{"jsonrpc":"2.0","method":"exit"}') == Notification("exit", {})


def test_an_answer_of_the_host_is_a_response() -> None:
    assert parse(b'{"jsonrpc":"2.0","id":"x","result":null}') == Response("x", None, None)


def test_keys_of_arguments_are_left_alone() -> None:
    arguments = '{"jsonrpc":"1.0","class":1,"a-b":2,"type_name":{"jsonrpc":[]},"params":{"args":1},"id":null}'
    assert run(arguments) == Arguments(json.loads(arguments), arguments)


def test_the_last_of_two_equal_members_counts() -> None:
    message = parse(
        b'{"jsonrpc":"2.0","id":1,"id":2,"method":"run","params":{"args":1},"params":{"args":2, "args": 3}}'
    )
    assert message == Request(2, "2", "run", {"args": Arguments(3, "3")})


@pytest.mark.parametrize(
    "body", [b"", b"{", b"nul", b"{}x", b'{"a":1,}', b"{'a':1}", b'{"a" 1}', b"{1:2}", b"\xff", b"\xef\xbb\xbf{}"]
)
def test_what_is_no_json_is_a_parse_error(body: bytes) -> None:
    assert rejected(body) == (PARSE_ERROR, "null")


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"01", b"1.", b"+1", b'"\t"'])
def test_what_only_python_takes_for_json_is_a_parse_error(number: bytes) -> None:
    assert rejected(b'{"jsonrpc":"2.0","id":1,"method":"run","params":{"args":%b}}' % number)[0] == PARSE_ERROR


@pytest.mark.parametrize("depth", [201, 1000, 100_000])
def test_deep_nesting_is_a_parse_error(depth: int) -> None:
    assert rejected(b"[" * depth + b"]" * depth) == (PARSE_ERROR, "null")
    assert rejected(b'{"params":' * depth + b"1" + b"}" * depth) == (PARSE_ERROR, "null")
    assert rejected(b'{"args":' + b"[" * depth + b"]" * depth + b"}") == (PARSE_ERROR, "null")


@pytest.mark.parametrize("depth", [201, 1000, 100_000])
def test_deep_nesting_behind_an_id_is_answered_to_that_id(depth: int) -> None:
    deep = b"[" * depth + b"]" * depth
    assert rejected(b'{"jsonrpc":"2.0","id":7,"method":"run","params":{"args":' + deep + b"}}") == (PARSE_ERROR, "7")


def test_many_brackets_are_not_deep() -> None:
    arguments = "[" + ",".join(["[[{}]]"] * 500) + "]"
    assert run(arguments).text == arguments


@pytest.mark.parametrize(
    ("body", "id_text"),
    [
        (b"1", "null"),
        (b'"x"', "null"),
        (b"null", "null"),
        (b"[]", "null"),
        (b'[{"jsonrpc":"2.0","id":1,"method":"list"}]', "null"),
        (b"{}", "null"),
        (b'{"id":7}', "7"),
        (b'{"jsonrpc":"1.0","id":7,"method":"list"}', "7"),
        (b'{"jsonrpc":2.0,"id":7,"method":"list"}', "7"),
        (b'{"jsonrpc":"2.0","id":7}', "7"),
        (b'{"jsonrpc":"2.0","id":7,"method":3}', "7"),
        (b'{"jsonrpc":"2.0","id":null,"method":"list"}', "null"),
        (b'{"jsonrpc":"2.0","id":true,"method":"list"}', "null"),
        (b'{"jsonrpc":"2.0","id":[1],"method":"list"}', "null"),
        (b'{"jsonrpc":"2.0","id":{},"method":"list"}', "null"),
        (b'{"jsonrpc":"2.0","id":1e999,"method":"list"}', "null"),
        (b'{"jsonrpc":"2.0"}', "null"),
    ],
)
def test_json_that_is_no_request_is_an_invalid_request(body: bytes, id_text: str) -> None:
    assert rejected(body) == (INVALID_REQUEST, id_text)


def test_integers_of_any_size_pass_without_being_converted() -> None:
    digits = "9" * 1_000_000
    found = run('{"n":' + digits + ',"m":12}')
    assert found.text == '{"n":' + digits + ',"m":12}'
    assert found.value == {"n": HugeInteger(digits), "m": 12}
    assert not found.exact


def test_lone_surrogates_and_odd_floats_pass_as_they_were_written() -> None:
    for arguments in ('"\\ud800"', "1e400", "-0.0", "0.1000000000000000055511151231257827", '"\\u0000é😀"'):
        assert run(arguments).text == arguments


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
    st.sampled_from([None, 2]),
)
def test_any_json_arrives_as_it_was_sent(value: Any, indent: int | None) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "run", "params": {"args": value}}, indent=indent).encode()
    message = parse(body)
    assert isinstance(message, Request)
    assert isinstance(message.params, dict)
    assert message.params["args"].value == value
    assert json.loads(message.params["args"].text) == value


@given(st.binary())
def test_no_body_makes_the_parser_fail(body: bytes) -> None:
    try:
        parse(body)
    except Rejected as verdict:
        assert verdict.error.code in (PARSE_ERROR, INVALID_REQUEST)  # noqa: PT017 - most bodies are rejected, some are not
