"""JSON-RPC over two streams, where every call ends.

It ends by its reply, by the end of the stream, by its deadline, or, once it was cancelled, by the sidecar's answer to
that within a bounded time. Invariant: the first cause of failure is the one that every call in flight is told.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
import json
import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sidecar.client.errors import SidecarProtocol, SidecarUnresponsive, from_wire
from sidecar.errors import InvalidParams, SidecarError
from sidecar.server.framing import BadFrame, Decoder, frame

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

_READ_BYTES = 256 * 1024
# The sidecar's own limits on results and output are far below it.
_RECEIVE_MAX_BYTES = 512 * 1024 * 1024
# What the sidecar accepts unless its limits say otherwise; beyond it, a request would get no answer to its id.
_SEND_MAX_BYTES = 64 * 1024 * 1024
# The sidecar kills a process before it answers a cancelled call, on a machine that may be busy.
_CANCEL_GRACE_S = 5.0

Message = dict[str, Any]


class Connection:
    """One conversation. `failed` resolves, never raises, with the reason for which it came to its end."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_notification: Callable[[str, Message], None],
        explain_end: Callable[[], Awaitable[SidecarError]],
    ) -> None:
        """`explain_end` is asked once, when the stream has ended, what happened to the peer."""
        self.send_max_bytes = _SEND_MAX_BYTES
        self.failed: asyncio.Future[SidecarError] = asyncio.get_running_loop().create_future()
        self._writer = writer
        self._on_notification = on_notification
        self._explain_end = explain_end
        self._ids = itertools.count(1)
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._draining = asyncio.Lock()  # one at a time: older Pythons let no two wait
        self._reading = asyncio.create_task(self._read(reader))

    async def request(self, method: str, params: Message, deadline_s: float) -> Any:
        """Return the result, or raise the error. A task that is cancelled meanwhile cancels the request."""
        if self.failed.done():
            raise copy.copy(self.failed.result())
        request_id = next(self._ids)
        # The id comes first: where the sidecar gives up on what comes later, it has read it.
        data = self._encode({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})
        reply = self._pending[request_id] = asyncio.get_running_loop().create_future()
        try:
            await self._send(data)
            await self._wait(reply, deadline_s, f"no reply to {method}")
        except asyncio.CancelledError:
            await self._cancel(request_id, reply)
            raise
        finally:
            del self._pending[request_id]
            reply.cancel()
        return reply.result()

    async def notify(self, method: str, params: Message) -> None:
        """Send a notification."""
        await self._send(self._encode({"jsonrpc": "2.0", "method": method, "params": params}))

    def fail(self, reason: SidecarError) -> None:
        """End it, unless it has ended: every call in flight gets this reason."""
        if self.failed.done():
            return
        self.failed.set_result(reason)
        for reply in self._pending.values():
            if not reply.done():
                reply.set_exception(copy.copy(reason))  # each caller's traceback is its own
                reply.exception()  # whether or not its caller still listens
        self._reading.cancel()
        self._writer.close()

    async def _wait(self, reply: asyncio.Future[Any], wait_s: float, what: str) -> None:
        await asyncio.wait({reply}, timeout=wait_s)
        if not reply.done():
            self.fail(SidecarUnresponsive(f"The sidecar is stuck: {what} within {wait_s:.0f} s; it was ended."))

    async def _cancel(self, request_id: int, reply: asyncio.Future[Any]) -> None:
        """Have the call ended; when the answer comes, its process is dead."""
        if reply.done() or self.failed.done():
            return
        await self.notify("$/cancelRequest", {"id": request_id})
        await self._wait(reply, _CANCEL_GRACE_S, "no answer to a cancelled call")
        if not reply.cancelled():
            reply.exception()

    def _encode(self, message: Message) -> bytes:
        try:
            try:
                data = json.dumps(message, ensure_ascii=False, allow_nan=False).encode()
            except UnicodeEncodeError:  # lone surrogates have no UTF-8, but JSON can write them
                data = json.dumps(message).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidParams(f"{message['method']}: the parameters cannot be written as JSON: {error}") from error
        if len(data) > self.send_max_bytes:
            raise InvalidParams(f"{message['method']}: a message may have at most {self.send_max_bytes} bytes")
        return data

    async def _send(self, data: bytes) -> None:
        try:
            self._writer.write(frame(data))
            async with self._draining:
                await self._writer.drain()
        except (ConnectionError, RuntimeError):
            pass  # the reader sees the end too, and its reason is the better one

    async def _read(self, reader: asyncio.StreamReader) -> None:
        decoder = Decoder(_RECEIVE_MAX_BYTES)
        try:
            while data := await reader.read(_READ_BYTES):
                for event in decoder.feed(data):
                    if isinstance(event, BadFrame):
                        raise SidecarProtocol(f"The sidecar wrote what is no frame ({event.reason}); it was ended.")
                    self._take(event.data)
        except SidecarError as error:
            self.fail(error)
        except ConnectionError:
            self.fail(await self._explain_end())
        else:
            self.fail(await self._explain_end())

    def _take(self, body: bytes) -> None:
        try:
            message = _parsed(body)
            if "method" in message:
                self._on_notification(str(message["method"]), message.get("params") or {})
            else:
                self._settle(message["id"], message)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise SidecarProtocol(f"The sidecar wrote what is no message ({error}); it was ended.") from error

    def _settle(self, request_id: Any, message: Message) -> None:
        reply = self._pending.get(request_id)
        if reply is None or reply.done():
            if request_id is None:
                log.warning("the sidecar refused a message without saying which: %s", message.get("error"))
            return  # of a call that nobody waits for any more
        if "error" in message:
            reply.set_exception(from_wire(message["error"]))
        else:
            reply.set_result(message["result"])


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except json.JSONDecodeError:
        raise
    except ValueError:  # a tool may return an integer that is longer than Python is willing to read
        return json.loads(body, parse_int=_integer)


def _integer(digits: str) -> int | Decimal:
    try:
        return int(digits)
    except ValueError:
        return Decimal(digits)  # exact, and its cost is linear
