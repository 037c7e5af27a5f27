"""The LSP base protocol's framing, without I/O: bytes in, events out.

Invariant: the events depend on the bytes alone, never on how they were cut into reads, and no input makes the decoder
hold more than one body of the allowed size.

Resynchronisation rests on one fact: a raw line end cannot occur inside a JSON string. So text that ends in
``Content-Length: <number>`` before a line end is a header, wherever it stands, and cannot have been put there by what a
request carries. After anything that is no frame, the decoder drops input until it meets such a line.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_HEADER_BYTES = 8 * 1024
# What is kept of an over-long line: enough for the `Content-Length: …` that may end it.
_TAIL_BYTES = 128
_HEADER_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]*:")
_LENGTH_HEADER = re.compile(rb"(?<!-)content-length[ \t]*:[ \t]*([^\r\n\"{}]{0,40})\Z", re.IGNORECASE)
_MAX_DIGITS = 20


class Body(NamedTuple):
    """One frame's body, not parsed."""

    data: bytes


class BadFrame(NamedTuple):
    """Input that is no frame, or a frame that is refused; each wants one reply."""

    reason: str


Event = Body | BadFrame


def frame(*parts: bytes) -> bytes:
    """Return one frame whose body is `parts` joined."""
    return b"".join((b"Content-Length: %d\r\n\r\n" % sum(map(len, parts)), *parts))


class Decoder:
    """Cuts a byte stream into bodies."""

    def __init__(self, max_body_bytes: int) -> None:
        self._max_body_bytes = max_body_bytes
        self._buffer = bytearray()
        self._scanned = 0  # bytes of the buffer that are known to hold no line end
        self._expected: int | None = None  # the body's length, once its header block has ended
        self._overlong = False  # the line in the buffer is a tail: its start was dropped
        self._reported = False  # the line in the buffer has had its reply
        # After a refused header block its body follows, as bytes that nobody can count: one reply is enough for both.
        self._dropping = False
        self._begin_block()

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes and return the events that they complete."""
        self._buffer += data
        events: list[Event] = []
        while self._take_body(events) if self._expected is not None else self._take_line(events):
            pass
        return events

    def _begin_block(self) -> None:
        self._length: int | None = None
        self._fault: str | None = None
        self._block_bytes = 0

    def _take_body(self, events: list[Event]) -> bool:
        length = self._expected or 0
        if len(self._buffer) < length:
            return False
        with memoryview(self._buffer) as view:
            events.append(Body(bytes(view[:length])))
        del self._buffer[:length]
        self._expected = None
        return True

    def _take_line(self, events: list[Event]) -> bool:
        end = self._buffer.find(b"\n", self._scanned)
        if end < 0:
            self._await_line_end(events)
            return False
        self._overlong = self._overlong or end > MAX_HEADER_BYTES
        line = bytes(self._buffer[max(0, end - _TAIL_BYTES) if self._overlong else 0 : end]).removesuffix(b"\r")
        del self._buffer[: end + 1]
        if line or self._overlong:
            self._read_line(line, events)
        else:
            self._end_block(events)
        self._overlong = self._reported = False
        self._scanned = 0
        return True

    def _await_line_end(self, events: list[Event]) -> None:
        # A host that forgets the framing may also send no line end; it gets its reply at once.
        if self._buffer.startswith((b"{", b"[")) or len(self._buffer) > MAX_HEADER_BYTES:
            self._report_line(events)
        if len(self._buffer) > MAX_HEADER_BYTES:
            self._overlong = True
            del self._buffer[:-_TAIL_BYTES]
        self._scanned = len(self._buffer)

    def _report_line(self, events: list[Event]) -> None:
        if self._length is None and not self._dropping and not self._reported:
            events.append(BadFrame("expected a Content-Length header"))
            self._begin_block()
        self._reported = True

    def _read_line(self, line: bytes, events: list[Event]) -> None:
        is_header = not self._overlong and _HEADER_LINE.match(line) is not None
        if not is_header:
            self._report_line(events)
        # While dropping, a body that nobody counted may stand right before the header, on its line.
        at_start = is_header and not self._dropping
        found = _LENGTH_HEADER.match(line) if at_start else _LENGTH_HEADER.search(line)
        if found is not None and self._dropping:
            self._dropping = False
            self._begin_block()
        if is_header or found is not None:
            self._block_bytes += len(line)
        if self._block_bytes > MAX_HEADER_BYTES:
            self._fault = self._fault or f"a frame's headers are longer than {MAX_HEADER_BYTES} bytes"
        if found is not None:
            self._read_length(found[1].strip())

    def _read_length(self, value: bytes) -> None:
        if self._length is not None:
            self._fault = self._fault or "a frame has more than one Content-Length"
        elif not value.isdigit():
            self._fault = self._fault or "Content-Length is not a number"
        elif len(value) > _MAX_DIGITS or int(value) > self._max_body_bytes:
            self._fault = self._fault or f"a message may have at most {self._max_body_bytes} bytes"
        else:
            self._length = int(value)

    def _end_block(self, events: list[Event]) -> None:
        if self._fault is None and self._length is not None:
            self._expected = self._length
        elif self._fault is not None or self._block_bytes:
            if not self._dropping:
                events.append(BadFrame(self._fault or "a frame has no Content-Length"))
            self._dropping = True
        self._begin_block()
