"""One output stream of a worker, read with a bound.

Invariant: at most `max_bytes` are kept, whatever is written. What comes beyond is read and thrown away slowly, so that
a tool which prints too much can still finish, and one which floods spends its time waiting instead of ours.
"""

from __future__ import annotations

import asyncio
import codecs
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK_BYTES = 64 * 1024
_PAUSE_S = 0.002
_DISCARD_PAUSE_S = 0.005
# One print is several writes, and a host wants lines, not fragments: text waits this long, or until there is this much.
_COALESCE_S = 0.016
_COALESCE_CHARS = 8 * 1024


class OutputStream:
    """Owns the read end of a pipe from construction to `finish`; reads it from `begin` on."""

    def __init__(self, descriptor: int, max_bytes: int) -> None:
        self._descriptor = descriptor
        self._max_bytes = max_bytes
        self._kept = bytearray()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._on_text: Callable[[str], None] | None = None
        self._pending = ""
        self._flush_timer: asyncio.TimerHandle | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._open = True
        self._registered = False
        self.discarded_bytes = 0
        self.on_discard: Callable[[], None] | None = None

    def begin(self, delay_s: float) -> None:
        """Read what comes, from `delay_s` on; until then the pipe keeps it, and `finish` finds it there."""
        self._pause = asyncio.get_running_loop().call_later(delay_s, self._resume)

    @property
    def truncated(self) -> bool:
        """Whether anything was thrown away."""
        return self.discarded_bytes > 0

    def stream_to(self, on_text: Callable[[str], None]) -> None:
        """Call `on_text` with each new piece of text, as far as the bound allows."""
        self._on_text = on_text

    def finish(self) -> str:
        """Read what is still in the pipe, close it, and return the text that was kept. The writer must be dead."""
        while self._open and self._read_chunk():
            pass
        self._close()
        if self._on_text is not None:
            self._pending += self._decoder.decode(b"", final=not self.truncated)
        self._flush()
        self._on_text = self.on_discard = None  # who was told mostly holds this stream
        # A character that the bound has cut in two is left out rather than shown as damage.
        return codecs.getincrementaldecoder("utf-8")("replace").decode(bytes(self._kept), final=not self.truncated)

    def _read(self) -> None:
        self._read_chunk()
        if self._open and self._pause is None:
            # The pipe keeps what comes meanwhile; a tool that prints byte by byte must not keep the sidecar busy.
            loop = asyncio.get_running_loop()
            self._unregister()
            self._pause = loop.call_later(_DISCARD_PAUSE_S if self.truncated else _PAUSE_S, self._resume)

    def _resume(self) -> None:
        self._pause = None
        if self._open:
            asyncio.get_running_loop().add_reader(self._descriptor, self._read)
            self._registered = True

    def _read_chunk(self) -> bool:
        try:
            chunk = os.read(self._descriptor, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        if not chunk:
            self._close()
            return False
        room = self._max_bytes - len(self._kept)
        if room > 0:
            self._kept += chunk[:room]
            self._forward(chunk[:room])
        if len(chunk) > room:
            self.discarded_bytes += len(chunk) - max(room, 0)
            if self.on_discard is not None:
                self.on_discard()
        return True

    def _forward(self, data: bytes) -> None:
        if self._on_text is None:
            return
        self._pending += self._decoder.decode(data)
        if len(self._pending) >= _COALESCE_CHARS:
            self._flush()
        elif self._flush_timer is None:
            self._flush_timer = asyncio.get_running_loop().call_later(_COALESCE_S, self._flush)

    def _flush(self) -> None:
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        text, self._pending = self._pending, ""
        if text and self._on_text is not None:
            self._on_text(text)

    def _close(self) -> None:
        if self._open:
            self._open = False
            if self._pause is not None:
                self._pause.cancel()
            self._unregister()
            os.close(self._descriptor)

    def _unregister(self) -> None:
        if self._registered:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            self._registered = False
