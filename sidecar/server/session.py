"""One host's conversation: its stdin through the decoder to the protocol, and the replies back to its stdout.

Invariant: memory is bounded. While the host reads too little, or too many requests are in flight, its stdin is
not read, so the host is the one that has to wait. Its end is noticed all the same.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, cast

from sidecar.errors import ShuttingDown
from sidecar.server.framing import Decoder, Event
from sidecar.server.jsonrpc import Protocol, make_server
from sidecar.server.stdio import Input, Output

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pygls.server import JsonRPCServer

    from sidecar.metrics import Metrics

# A host that has closed its stdin and still reads, as `printf … | sidecar` does, gets the answers that come this soon.
_LAST_ANSWERS_S = 0.4
_HANGUP_CHECK_S = 0.05
_MAX_UNREAD_BYTES = 8 * 1024 * 1024
# In messages of the greatest size, and not so few that a host would wait for nothing.
_MAX_IN_FLIGHT_MESSAGES = 4
_MIN_IN_FLIGHT_BYTES = 8 * 1024 * 1024


class Session:
    """Connects two descriptors with a protocol. `on_end` is called once the host is gone."""

    def __init__(
        self, fds: tuple[int, int], metrics: Metrics, *, max_message_bytes: int, on_end: Callable[[], None]
    ) -> None:
        self._decoder = Decoder(max_message_bytes)
        self._max_in_flight_bytes = max(_MAX_IN_FLIGHT_MESSAGES * max_message_bytes, _MIN_IN_FLIGHT_BYTES)
        self._last_answers: asyncio.Task[None] | None = None
        self._draining: asyncio.Task[None] | None = None
        self._input = Input(fds[0], self._receive, lambda: self.finish(on_end))
        self._output = Output(fds[1], self._balance, on_end)
        self._closed = False
        self._balancing = False
        self._events: deque[Event] = deque()
        self._has_room: asyncio.Future[None] | None = None
        self.server: JsonRPCServer = make_server(metrics, self._send)
        self.protocol = cast("Protocol", self.server.protocol)

    def start(self) -> None:
        """Begin to read."""
        self._input.resume()

    def stop(self) -> list[asyncio.Future[Any]]:
        """Read no more, cancel every request in flight and return what to wait for."""
        self._closed = True
        self._input.close()
        return self.protocol.cancel_all()

    async def close(self, drain_s: float) -> None:
        """Give the host `drain_s` to read what is written, then close."""
        await self._output.drain(drain_s)
        self._output.close()

    def finish(self, then: Callable[[], None]) -> None:
        """Nothing more will be asked: answer what was, unless nobody reads any more, then call `then`."""
        if self._last_answers is None:
            self._input.close()
            self._last_answers = asyncio.get_running_loop().create_task(self._give_last_answers(then))

    async def _give_last_answers(self, then: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _LAST_ANSWERS_S
        while not self._output.is_abandoned and loop.time() < deadline:
            requests = self.protocol.requests()
            if not requests and not self._events:
                break
            await asyncio.wait(requests or [asyncio.ensure_future(asyncio.sleep(0))], timeout=_HANGUP_CHECK_S)
        then()

    @property
    def is_draining(self) -> bool:
        """Whether what is in flight is being waited for."""
        return self._draining is not None

    def drain(self, timeout_s: float, then: Callable[[], None]) -> None:
        """Take no more requests, wait for those in flight, `timeout_s` at most, then call `then`."""
        self.protocol.refusal = self.protocol.refusal or ShuttingDown("the sidecar is shutting down")
        self._draining = asyncio.get_running_loop().create_task(self._settle(timeout_s, then))

    async def _settle(self, timeout_s: float, then: Callable[[], None]) -> None:
        await self.protocol.settle(timeout_s)
        then()

    async def room(self) -> None:
        """Wait until the host has read enough: a call that is started makes one more reply to keep."""
        while self._output.pending_bytes > _MAX_UNREAD_BYTES:
            if self._has_room is None:
                self._has_room = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._has_room)

    def _receive(self, data: bytes) -> None:
        self._events.extend(self._decoder.feed(data))
        self._balance()

    def _send(self, data: bytes) -> None:
        self._output.write(data)  # calls `_balance`

    def _balance(self) -> None:
        if self._output.pending_bytes <= _MAX_UNREAD_BYTES and self._has_room is not None:
            self._has_room.set_result(None)
            self._has_room = None
        if self._closed or self._balancing:
            return
        # One message at a time: a single read may hold a thousand requests, each with a large reply.
        self._balancing = True
        while self._may_take():
            self.protocol.receive(self._events.popleft())
        self._balancing = False
        self._balance_input()

    def _may_take(self) -> bool:
        return bool(self._events) and not self._closed and not self._is_full()

    def _balance_input(self) -> None:
        if self._closed or self._last_answers is not None:
            return
        if self._events or self._is_full():
            self._input.pause()
        else:
            self._input.resume()

    def _is_full(self) -> bool:
        in_flight_bytes = self.protocol.in_flight_bytes
        return self._output.pending_bytes > _MAX_UNREAD_BYTES or in_flight_bytes > self._max_in_flight_bytes
