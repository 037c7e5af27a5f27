from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.runner.output import OutputStream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def _with_pipe(max_bytes: int, write: Callable[[int, OutputStream], Awaitable[None]]) -> tuple[str, OutputStream]:
    """Let `write` write into the other end of a stream's pipe, close it, and return what the stream kept."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(reader, False)
    stream = OutputStream(reader, max_bytes)
    try:
        await write(writer, stream)
    finally:
        os.close(writer)
    return stream.finish(), stream


def _kept(data: bytes, max_bytes: int) -> tuple[str, OutputStream]:
    async def write(writer: int, _: OutputStream) -> None:
        os.write(writer, data)

    return asyncio.run(_with_pipe(max_bytes, write))


@pytest.mark.parametrize(
    ("data", "max_bytes", "text", "truncated"),
    [
        (b"", 10, "", False),
        (b"abc", 10, "abc", False),
        (b"abc", 3, "abc", False),
        (b"abcd", 3, "abc", True),
        (b"abc", 0, "", True),
        (b"", 0, "", False),
        ("é".encode(), 1, "", True),
        ("aé".encode(), 2, "a", True),
        ("🐍".encode(), 3, "", True),
        ("🐍🐍".encode(), 4, "🐍", True),
        (b"\xff\xfe", 10, "\ufffd\ufffd", False),
        (b"a\xf0\x9f", 10, "a\ufffd", False),
        (b"a\xf0\x9f", 2, "a", True),
    ],
)
def test_what_is_kept_is_whole_characters_within_the_bound(
    data: bytes,
    max_bytes: int,
    text: str,
    truncated: bool,  # noqa: FBT001 - a table
) -> None:
    kept, stream = _kept(data, max_bytes)
    assert (kept, stream.truncated) == (text, truncated)
    assert stream.discarded_bytes == max(len(data) - max_bytes, 0)


@settings(database=None, deadline=None, max_examples=200)
@given(text=st.text(max_size=300), max_bytes=st.integers(0, 400))
def test_any_text_is_cut_to_its_longest_beginning_that_fits(text: str, max_bytes: int) -> None:
    data = text.encode()
    kept, stream = _kept(data, max_bytes)
    assert text.startswith(kept)
    assert len(kept.encode()) <= max_bytes
    assert stream.truncated == (len(data) > max_bytes)
    if len(kept) < len(text):
        assert len(text[: len(kept) + 1].encode()) > max_bytes


@settings(database=None, deadline=None, max_examples=200)
@given(data=st.binary(max_size=300), max_bytes=st.integers(0, 300))
def test_no_bytes_break_it(data: bytes, max_bytes: int) -> None:
    kept, _ = _kept(data, max_bytes)
    kept.encode("utf-8")


def test_text_is_handed_on_as_it_comes_and_only_within_the_bound() -> None:
    heard: list[str] = []

    async def write(writer: int, stream: OutputStream) -> None:
        stream.stream_to(heard.append)
        for piece in ("a", "é🐍", "x" * 100):
            for byte in piece.encode():
                os.write(writer, bytes([byte]))
                await asyncio.sleep(0)

    kept, _ = asyncio.run(_with_pipe(50, write))
    assert "".join(heard) == kept == "aé🐍" + "x" * 43


def test_a_flood_is_kept_to_the_bound_and_the_writer_is_held_back() -> None:
    async def write(writer: int, stream: OutputStream) -> None:
        os.set_blocking(writer, False)
        loop, told = asyncio.get_running_loop(), asyncio.Event()
        stream.on_discard = told.set
        stream.begin(0)
        written = 0
        end = loop.time() + 0.25
        while loop.time() < end:
            try:
                written += os.write(writer, b"x" * 65536)
            except BlockingIOError:
                await asyncio.sleep(0)
        await asyncio.wait_for(told.wait(), 5)
        assert written < 100 * 1024 * 1024
        assert len(stream._kept) == 1000

    kept, stream = asyncio.run(_with_pipe(1000, write))
    assert kept == "x" * 1000
    assert stream.truncated


def test_finishing_reads_what_is_still_in_the_pipe_and_closes_it() -> None:
    async def scenario() -> None:
        reader, writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(reader, False)
        stream = OutputStream(reader, 1 << 20)
        os.write(writer, b"x" * 60_000)
        os.close(writer)
        assert stream.finish() == "x" * 60_000
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(reader)
        assert stream.finish() == "x" * 60_000

    asyncio.run(scenario())
