"""JSON-RPC on top of pygls: its feature routing, futures and cancellation, with our own parsing, errors and encoding.

Invariant: each request gets exactly one reply, and what went wrong becomes a wire error only here: `{code, message,
data: {kind, …}}`, with no traceback and no path of the sidecar's.

pygls' own reading, converter and reply encoding are not used (docs/architecture.md says why). The private
names that are overridden are why pygls is pinned to one minor version.
"""

from __future__ import annotations

import asyncio
import json
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from pydantic_core import PydanticSerializationError, to_json

from sidecar.errors import (
    Cancelled,
    InternalError,
    InvalidParams,
    InvalidRequest,
    MethodNotFound,
    ShuttingDown,
    SidecarError,
)
from sidecar.protocol.methods import HOST_NOTIFICATIONS, METHODS
from sidecar.protocol.params import parse_params
from sidecar.server import envelope
from sidecar.server.framing import BadFrame, Event, frame
from sidecar.server.pygls_routing import JsonRpcMethodNotFound, JsonRPCProtocol, JsonRPCServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from pydantic import BaseModel

    from sidecar.metrics import Metrics

log = logging.getLogger(__name__)

_MAX_METHOD_LENGTH = 100
# What a request in flight takes beside its own bytes: a task, its parts, its place in the queue.
_REQUEST_BYTES = 6 * 1024


class Protocol(JsonRPCProtocol):
    """One peer's conversation. A handler is a pygls feature: a params model in, a model or JSON bytes out."""

    def __init__(self, server: JsonRPCServer, metrics: Metrics, send: Callable[[bytes], None]) -> None:
        super().__init__(server, cast("Any", None))  # nothing is converted
        self._metrics = metrics
        self._send = send
        self._id_texts: dict[Any, tuple[str, int]] = {}
        self._ours: dict[Any, Future[Any]] = {}
        self.refusal: SidecarError | None = None  # answered to every request while set
        self.in_flight_bytes = 0

    @property
    def in_flight(self) -> int:
        """How many requests have no reply yet."""
        return len(self._request_futures)

    def receive(self, event: Event) -> None:
        """Handle one event of the decoder."""
        if isinstance(event, BadFrame):
            self._reply_error("null", InvalidRequest(event.reason))
            return
        try:
            message = envelope.parse(event.data)
        except envelope.Rejected as rejected:
            self._reply_error(rejected.id_text, rejected.error)
            return
        if isinstance(message, envelope.Request):
            self._receive_request(message, len(event.data))
        elif isinstance(message, envelope.Notification):
            self._handle_notification(message.method, message.params)
        else:
            self._handle_response(message.id, message.result, message.error)

    def requests(self) -> list[asyncio.Future[Any]]:
        """Return the futures of the requests in flight."""
        return cast("list[asyncio.Future[Any]]", list(self._request_futures.values()))

    async def settle(self, timeout_s: float) -> None:
        """Wait until every other request in flight has its reply, or `timeout_s` have passed."""
        others = {future for future in self.requests() if future is not asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=timeout_s)

    def cancel_all(self) -> list[asyncio.Future[Any]]:
        """Cancel every request in flight and return their futures."""
        futures = self.requests()
        for future in futures:
            future.cancel()
        return futures

    # -- requests ------------------------------------------------------------------------------------------------------

    def _receive_request(self, request: envelope.Request, size: int) -> None:
        if request.id in self._id_texts:
            self._reply_error(request.id_text, InvalidRequest("a request with this id is still in flight"))
            return
        size += _REQUEST_BYTES
        self._id_texts[request.id] = (request.id_text, size)
        self.in_flight_bytes += size
        self._handle_request(request.id, request.method, request.params)

    def _handle_request(self, msg_id: Any, method_name: str, params: dict[str, Any] | SidecarError) -> None:
        try:
            method = METHODS.get(method_name)
            handler = self._get_handler(method_name)
            if method is None:
                raise MethodNotFound(_unknown(method_name))
            self._metrics.request(method_name)
            if self.refusal is not None:
                self._finish(msg_id, error=self.refusal)  # not raised: one instance would gather tracebacks
                return
            if isinstance(params, SidecarError):
                raise params
            model = parse_params(method_name, method.params, params)
        except JsonRpcMethodNotFound:
            self._finish(msg_id, error=MethodNotFound(_unknown(method_name)))
        except Exception as error:  # noqa: BLE001 - each becomes a reply
            self._finish(msg_id, error=_sidecar_error(error))
        else:
            if method_name == "shutdown":  # at once: what comes in the same read is already too late
                self.refusal = ShuttingDown("the sidecar is shutting down")
            self._execute_handler(msg_id, handler, partial(self._send_handler_result, msg_id=msg_id), (model,))

    def _send_handler_result(self, future: Future[Any], *, msg_id: Any) -> None:
        self._request_futures.pop(msg_id, None)
        if future.cancelled():
            self._finish(msg_id, error=Cancelled("the request was cancelled"))
            return
        error = future.exception()
        if error is not None:
            self._finish(msg_id, error=_sidecar_error(error))
            return
        try:
            result = encode_result(future.result())
        except Exception as failure:  # noqa: BLE001 - a reply that cannot be encoded is still a reply
            self._finish(msg_id, error=_sidecar_error(failure))
        else:
            self._finish(msg_id, result=result)

    def _finish(self, msg_id: Any, *, result: bytes = b"null", error: SidecarError | None = None) -> None:
        id_text, size = self._id_texts.pop(msg_id)
        self.in_flight_bytes -= size
        if error is not None:
            self._reply_error(id_text, error)
        else:
            self._send(frame(b'{"jsonrpc":"2.0","id":', id_text.encode(), b',"result":', result, b"}"))

    def _reply_error(self, id_text: str, error: SidecarError) -> None:
        self._metrics.error(error.data["kind"])
        body = encode({"code": error.code, "message": error.message, "data": error.data})
        self._send(frame(b'{"jsonrpc":"2.0","id":', id_text.encode(), b',"error":', body, b"}"))

    # -- notifications -------------------------------------------------------------------------------------------------

    def _handle_notification(self, method_name: str, params: dict[str, Any] | SidecarError) -> None:
        model = HOST_NOTIFICATIONS.get(method_name)
        if model is None:
            log.info("notification of an unknown method")
            return
        try:
            if isinstance(params, SidecarError):
                raise params
            parsed = parse_params(method_name, model, params)
        except InvalidParams as error:
            # `exit` cannot be misunderstood, whatever comes with it.
            if method_name != "exit":
                fields = {"method": method_name, "reason": error.message}
                log.warning("notification with bad params", extra={"fields": fields})
                return
            parsed = model()
        if method_name == "$/cancelRequest":
            self._handle_cancel_notification(cast("Any", parsed).id)
        else:
            super()._handle_notification(method_name, parsed)

    def _handle_cancel_notification(self, msg_id: Any) -> None:
        try:
            future = self._request_futures.get(msg_id)
        except TypeError:  # an id that is an object or an array
            future = None
        # The future stays in the table: until the handler has killed its process there is no reply, and no free id.
        if future is not None and not isinstance(msg_id, bool):
            future.cancel()

    # -- our own requests ----------------------------------------------------------------------------------------------

    def _handle_response(self, msg_id: Any, result: Any | None = None, error: Any | None = None) -> None:  # noqa: ARG002 - as in pygls
        # Nothing asks the host for anything yet, and pygls would look the id up among the host's own requests.
        log.info("response to no request of ours", extra={"fields": {"failed": error is not None}})

    def _send_data(self, data: Any) -> None:
        head = encode(data.method)
        self._send(frame(b'{"jsonrpc":"2.0","method":', head, b',"params":', encode_result(data.params), b"}"))


def make_server(metrics: Metrics, send: Callable[[bytes], None]) -> JsonRPCServer:
    """Return a pygls server whose protocol is ours; it starts no thread and reads nothing by itself."""

    def protocol(server: JsonRPCServer, _converter: object) -> Protocol:
        return Protocol(server, metrics, send)

    return JsonRPCServer(cast("Any", protocol), lambda: cast("Any", None))


def encode_result(value: BaseModel | bytes | None) -> bytes:
    """Return a handler's result as JSON; bytes are JSON already. Members that were not set are left out."""
    if value is None:
        return b"null"
    if isinstance(value, bytes):
        return value
    return encode(value.model_dump(by_alias=True, exclude_unset=True))


def encode(value: Any) -> bytes:
    """Return plain data as JSON, with lone surrogates (legal as escapes only) where there are any."""
    try:
        return to_json(value)
    except PydanticSerializationError:
        return json.dumps(value, allow_nan=False).encode()


def _sidecar_error(error: BaseException) -> SidecarError:
    if isinstance(error, SidecarError):
        if isinstance(error, InternalError):
            log.error("internal error", exc_info=error)
        return error
    log.error("unexpected exception", exc_info=error)
    return InternalError("internal error")


def _unknown(method: str) -> str:
    name = method[:_MAX_METHOD_LENGTH].encode("utf-8", "backslashreplace").decode()
    return f"unknown method {name!r}"
