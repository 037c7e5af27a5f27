"""Framing: bytes in, events out, and every input is answered."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.server.framing import MAX_HEADER_BYTES, BadFrame, Body, Decoder, Event, frame

LIMIT = 1000


def decode(*chunks: bytes) -> list[Event]:
    decoder = Decoder(LIMIT)
    return [event for chunk in chunks for event in decoder.feed(chunk)]


def kinds(events: list[Event]) -> list[object]:
    return [event.data if isinstance(event, Body) else BadFrame for event in events]


def test_a_frame_is_its_body() -> None:
    assert decode(frame(b"{", b"}")) == [Body(b"{}")]


@pytest.mark.parametrize(
    "head",
    [
        b"content-length:2\r\n\r\n",
        b"CONTENT-LENGTH :  2 \r\n\r\n",
        b"Content-Length: 2\n\n",
        b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: 2\r\n\r\n",
        b"Content-Length: 2\r\nX-Content-Length: 7\r\n\r\n",
        b"\r\n\r\nContent-Length: 2\r\n\r\n",
    ],
)
def test_header_names_have_no_case_and_other_headers_do_not_matter(head: bytes) -> None:
    assert decode(head + b"{}" + frame(b"[]")) == [Body(b"{}"), Body(b"[]")]


@pytest.mark.parametrize(
    "garbage",
    [
        b"hello\r\n\r\n",
        b"Content-Length: -5\r\n\r\n{}",
        b"Content-Length: 2.0\r\n\r\n{}",
        b"Content-Length: 0x10\r\n\r\n{}",
        b"Content-Length:\r\n\r\n{}",
        b"Content-Length: 1000000000000\r\n\r\n{}",
        b"Content-Length: " + b"9" * 30 + b"\r\n\r\n{}",
        b"Content-Length: 1001\r\n\r\n" + b"x" * 1001,
        b"Content-Length: 1001\r\n\r\n{\n" + b'  "x": 1,\n' * 100 + b"}\n",
        b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
        b"Content-Type: x\r\n\r\n{}",
        b"X: " + b"y" * 2 * MAX_HEADER_BYTES + b"\r\n\r\n",
        b"X: 12345678\r\n" * MAX_HEADER_BYTES + b"\r\n{}",
        b'{"jsonrpc":"2.0"}\n',
        b'{"jsonrpc":"2.0"}',
        b"\xff\x00\xfe\r\n",
    ],
)
def test_what_is_no_frame_gets_one_reply_and_the_next_frame_is_read(garbage: bytes) -> None:
    assert kinds(decode(garbage + frame(b"{}") + frame(b"[]"))) == [BadFrame, b"{}", b"[]"]


def test_unframed_json_is_answered_before_its_line_ends() -> None:
    assert kinds(decode(b'{"jsonrpc":', b'"2.0"}')) == [BadFrame]


def test_every_refused_frame_in_a_row_gets_its_reply() -> None:
    assert kinds(decode(b"Content-Length: x\r\n\r\n{}" * 3 + frame(b"{}"))) == [BadFrame] * 3 + [b"{}"]


def test_text_inside_a_refused_body_is_not_taken_for_a_header() -> None:
    body = b'{"code": "print(\\"Content-Length: 2\\r\\n\\r\\n{}\\")", "x": "' + b"y" * LIMIT + b'"}'
    assert kinds(decode(frame(body) + frame(b"[]"))) == [BadFrame, b"[]"]


def test_a_long_line_is_not_kept() -> None:
    decoder = Decoder(LIMIT)
    for _ in range(100):
        decoder.feed(b"x" * 10_000)
    assert len(decoder._buffer) < 2 * MAX_HEADER_BYTES


def test_an_empty_body_is_a_body() -> None:
    assert decode(frame(b"")) == [Body(b"")]


pieces = st.one_of(
    st.binary(max_size=40).map(frame),
    st.sampled_from(
        [b"\r\n", b"\n", b"Content-Length: ", b"content-length:3\r\n\r\n", b"{", b"x: y\r\n", b"7", b"-1", b":"]
    ),
    st.binary(max_size=20),
    st.integers(0, 3 * MAX_HEADER_BYTES).map(lambda size: b"z" * size),
)


@given(st.lists(pieces, max_size=12).map(b"".join), st.lists(st.integers(0, 40_000), max_size=8))
def test_the_events_do_not_depend_on_how_the_stream_is_cut(stream: bytes, cuts: list[int]) -> None:
    bounds = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    chunks = [stream[start:end] for start, end in pairwise(bounds)]
    assert decode(*chunks) == decode(stream)


@given(st.binary(max_size=200))
def test_whatever_comes_first_a_frame_behind_a_line_end_is_read(garbage: bytes) -> None:
    decoder = Decoder(LIMIT)
    events = decoder.feed(garbage.replace(b":", b";") + b"\n" + frame(b"{}"))
    assert events[-1] == Body(b"{}")
