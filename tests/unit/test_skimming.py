"""What is found without reading a message is what reading it finds, and where that is not sure, it is read."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import SidecarError
from sidecar.protocol.arguments import HugeInteger
from sidecar.runner import verdict
from sidecar.server import envelope
from sidecar.skimming import skim, skim_ok
from sidecar.worker import wire

_DAMAGE = [
    b"", b",", b":", b"]", b"{", b'"', b"\\", b"\\u", b"\\ud800", b"0", b"-", b"e", b"\n", b"\t", b"NaN", b"1e999",
]  # fmt: skip
_DEEP = b"{" + b'"a":[' * 5000 + b"]" * 5000 + b"}"

_plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
_objects = st.dictionaries(st.text(max_size=4), _plain, max_size=4)
_messages = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.sampled_from(["2.0", "1.0", 2]),
        "id": st.integers() | st.text(max_size=3) | st.none() | st.booleans() | st.floats(allow_nan=False),
        "method": st.sampled_from(["run", "register", 3]),
        "params": st.fixed_dictionaries({}, optional={"args": _plain, "id": _plain, "x": _plain}) | _plain,
        "result": _plain,
    },
)


@st.composite
def _damaged(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> bytes:
    """JSON of these, with a few bytes put in, taken out or exchanged; mostly none."""
    ascii_only = draw(st.booleans())
    data = bytearray(json.dumps(draw(values), ensure_ascii=ascii_only).encode("utf-8", "backslashreplace"))
    for _ in range(draw(st.sampled_from([0, 0, 1, 3]))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 2))] = draw(st.sampled_from(_DAMAGE))
    return bytes(data)


def _read(data: bytes) -> Any:
    def refuse(name: str) -> None:
        raise ValueError(name)

    return json.loads(data.decode(), parse_constant=refuse)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@given(_damaged(_objects))
def test_what_is_found_is_what_the_standard_library_finds(data: bytes) -> None:
    found = skim(data)
    if found is not None and _is_utf8(data):
        read = _read(data)
        assert {name: _read(value) for name, value in found.items()} == read


@given(_damaged(st.fixed_dictionaries({}, optional={"ok": _plain, "data": _plain, "x": _plain})))
def test_of_a_result_only_what_counts_is_kept(data: bytes) -> None:
    said = skim_ok(data)
    if said is not None and _is_utf8(data):
        assert _read(said) == _read(data)["ok"]


def test_a_million_names_in_a_result_cost_nothing() -> None:
    data = b'{"ok":true,%s}' % b",".join(b'"%d":1' % number for number in range(1_000_000))
    tracemalloc.start()
    assert skim_ok(data) == b"true"
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 1 << 20


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b'{"a":NaN}', b'{"a":1}{}', b'{"a":"\\ud800"}', b'{"a":01}', _DEEP],
    ids=["nothing", "no object", "no JSON number", "two values", "half a pair", "a leading zero", "too deep"],
)  # fmt: skip
def test_what_is_not_sure_is_left_to_be_read(data: bytes) -> None:
    assert skim(data) is None
    assert skim_ok(data) is None


def _parsed(body: bytes) -> object:
    try:
        message = envelope.parse(body)
    except envelope.Rejected as rejected:
        return rejected.error.code, rejected.error.message, rejected.id_text
    if isinstance(message, envelope.Response):
        return message
    if isinstance(message.params, SidecarError):
        return type(message), message.method, message.params.message
    arguments = message.params.get("args")
    return message, arguments and (arguments.text, arguments.exact)


@given(_damaged(_messages))
def test_a_message_is_the_same_whether_it_is_skimmed_or_read(body: bytes) -> None:
    large = envelope._LARGE_BYTES
    read = _parsed(body)
    try:
        envelope._LARGE_BYTES = 0
        skimmed = _parsed(body)
    finally:
        envelope._LARGE_BYTES = large
    assert skimmed == read


def test_the_arguments_of_a_large_message_are_read_when_somebody_asks() -> None:
    digits = "9" * 5000
    args = f'{{"n": {digits}, "text": "{"x" * 100_000}"}}'
    message = envelope.parse(b'{"jsonrpc":"2.0","id":7,"method":"run","params":{"id":"t","args":%s}}' % args.encode())
    assert isinstance(message, envelope.Request)
    assert isinstance(message.params, dict)
    found = message.params["args"]
    assert (message.id, message.params["id"], found.text) == (7, "t", args)
    assert not found.exact
    assert found.value["n"] == HugeInteger(digits)


@pytest.mark.parametrize(
    ("payload", "word"),
    [
        (b'{"ok": true, "data": [1, 2.5, "\xc3\xa9", null]}', wire.VET_OK),
        (b'{"ok": false}', wire.VET_NOT_OK),
        (b'{"ok": true, "ok" : false }', wire.VET_NOT_OK),
        (b'{"data": 1}', ""),
        (b"[1]", ""),
        (b'{"ok": true} x', ""),
        (b'{"ok": NaN}', ""),
        (b'{"ok": "\xff"}', ""),
        (b'{"ok": "\\ud800"}', ""),
        (b'{"ok": ' + b"[" * 200 + b"]" * 200 + b"}", ""),
        (b'{"ok": [' + b"0," * 600_000 + b"0]}", ""),
    ],
    ids=[
        "a result", "a failure", "the last one counts", "no result", "no object", "something behind it", "no number",
        "no UTF-8", "half a pair", "too deep", "more values than the memory has room for",
    ],
)  # fmt: skip
def test_a_large_result_is_believed_after_a_pass_over_it_or_another_worker_looks(payload: bytes, word: str) -> None:
    assert verdict.skimmed(payload, skim_ok, 64) == word
