from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.worker.frames import HEADER, FrameDecoder, FrameError, encode

FRAMES = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=200)), max_size=10)


@settings(database=None, deadline=None)
@given(frames=FRAMES, data=st.data())
def test_the_same_frames_come_out_however_the_stream_is_split(
    frames: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    stream = b"".join(encode(kind, payload) for kind, payload in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    decoder = FrameDecoder(200)
    out: list[tuple[int, bytes]] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        out.extend(decoder.feed(stream[start:end]))
    assert out == frames


def test_a_byte_at_a_time_is_enough() -> None:
    stream = encode(1, b"") + encode(2, b"payload")
    decoder = FrameDecoder(100)
    assert [frame for byte in stream for frame in decoder.feed(bytes([byte]))] == [(1, b""), (2, b"payload")]


def test_a_frame_of_exactly_the_cap_is_taken() -> None:
    assert list(FrameDecoder(7).feed(encode(1, b"x" * 7))) == [(1, b"x" * 7)]


@settings(database=None, deadline=None)
@given(length=st.integers(101, 2**32 - 1), kind=st.integers(0, 255))
def test_a_length_beyond_the_cap_is_refused_before_any_of_it_is_there(length: int, kind: int) -> None:
    with pytest.raises(FrameError):
        list(FrameDecoder(100).feed(HEADER.pack(kind, length)))


def test_frames_before_one_that_is_too_long_still_come_out() -> None:
    feed = FrameDecoder(10).feed(encode(1, b"good") + HEADER.pack(2, 11))
    assert next(feed) == (1, b"good")
    with pytest.raises(FrameError):
        next(feed)


@settings(database=None, deadline=None)
@given(stream=st.binary(max_size=2000))
def test_no_bytes_break_the_decoder_or_make_it_keep_more_than_it_was_given(stream: bytes) -> None:
    decoder = FrameDecoder(64)
    try:
        for kind, payload in decoder.feed(stream):
            assert 0 <= kind <= 255
            assert len(payload) <= 64
    except FrameError:
        return
    assert len(decoder._buffer) <= HEADER.size + 64
