"""One frame's body to one JSON-RPC message, without I/O.

Invariant: whatever the bytes are, the outcome is a message or a `Rejected` that says what to answer. The text of
`params.args` is kept as the host wrote it, so numbers and text reach the tool unchanged and are encoded only once.

The standard library's decoder is used because it tells where each value ends, and because its strings may hold what
strict UTF-8 cannot (lone surrogates in a tool's arguments are legal JSON).
"""

from __future__ import annotations

import contextlib
import gc
import json
import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from sidecar.errors import InvalidParams, InvalidRequest, ParseError, SidecarError
from sidecar.protocol.arguments import DECODER, PATIENT_DECODER, Arguments, HugeInteger, patient_int
from sidecar.skimming import skim
from sidecar.worker.depth import is_deeper_than

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 200
_LARGE_BYTES = 64 * 1024

_BLANKS = (" ", "\n", "\r", "\t")
_BLANK = re.compile(r"[ \t\n\r]*")

RequestId = str | int | float | HugeInteger


class Request(NamedTuple):
    """A call that wants a reply. `id_text` is the id as the host spelled it, to be echoed."""

    id: RequestId
    id_text: str
    method: str
    params: dict[str, Any] | InvalidParams


class Notification(NamedTuple):
    """A call without a reply."""

    method: str
    params: dict[str, Any] | InvalidParams


class Response(NamedTuple):
    """The host's answer to one of our own requests."""

    id: Any
    result: Any
    error: Any


Message = Request | Notification | Response


class Rejected(Exception):
    """The body is no message: answer `error` to the id in `id_text` (`null` where there is none)."""

    def __init__(self, error: SidecarError, id_text: str = "null") -> None:
        super().__init__(error.message)
        self.error = error
        self.id_text = id_text


def parse(body: bytes) -> Message:
    """Return the message in `body`, or raise `Rejected`."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise Rejected(ParseError("the message is not valid UTF-8")) from None
    if is_deeper_than(MAX_DEPTH, body):
        raise _too_deep(text)
    try:
        skimmed = _skimmed(body) if len(body) > _LARGE_BYTES else None
        if skimmed is None:
            with _without_collector(len(body)):
                members, spans = _read(text)
        else:
            members, spans = skimmed
    except ValueError as error:
        raise Rejected(_parse_error(error)) from None
    return _classify(members, spans)


def _skimmed(body: bytes) -> tuple[Any, dict[str, str]] | None:
    """What `_read` would give of a message whose size is in its arguments, which are left unread; None for others."""
    members = skim(body)
    params = None if members is None else skim(members.pop("params", b""))
    if members is None or params is None or "args" not in params:
        return None
    arguments = params.pop("args").decode()
    if sum(map(len, (*members.values(), *params.values()))) > _LARGE_BYTES:
        return None
    try:
        read: dict[str, Any] = {name: DECODER.decode(value.decode()) for name, value in members.items()}
        read["params"] = {name: DECODER.decode(value.decode()) for name, value in params.items()}
    except ValueError:
        return None
    read["params"]["args"] = Arguments.unread(arguments)
    return read, {"id": members["id"].decode()} if "id" in members else {}


def _read(text: str) -> tuple[Any, dict[str, str]]:
    try:
        return _Reader(text, DECODER, exact=True).message()
    except json.JSONDecodeError:
        raise
    except ValueError:  # `int` refuses more than 4300 digits, whose conversion could stall every other call
        return _Reader(text, PATIENT_DECODER, exact=False).message()


def _too_deep(text: str) -> Rejected:
    """What to answer: the request's id is worth finding, since somebody waits for its reply."""
    reader = _Reader(text, PATIENT_DECODER, exact=False)
    try:
        reader.message()
    except json.JSONDecodeError as error:
        return Rejected(_parse_error(error))
    except (ValueError, RecursionError):
        pass  # the id is known if it stands before what is too deep, as it mostly does
    reason = f"the message is nested deeper than {MAX_DEPTH} levels"
    id_text = reader.spans.get("id")
    known = id_text is not None and _id(json.JSONDecoder(parse_int=patient_int).decode(id_text)) is not None
    return Rejected(ParseError(reason), id_text if known and id_text is not None else "null")


@contextlib.contextmanager
def _without_collector(size: int) -> Iterator[None]:
    """Parse a large body without the garbage collector, which would walk all that is new again and again."""
    if size < _LARGE_BYTES or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _parse_error(error: Exception) -> ParseError:
    if isinstance(error, json.JSONDecodeError):
        return ParseError(f"the message is not valid JSON: {error.msg} (character {error.pos})")
    return ParseError(f"the message is not valid JSON: {error}")


def _classify(members: Any, spans: dict[str, str]) -> Message:
    if isinstance(members, list):
        raise Rejected(InvalidRequest("batches are not supported: send each request in its own frame"))
    if not isinstance(members, dict):
        raise Rejected(InvalidRequest("a message must be an object"))
    request_id = _id(members.get("id"))
    id_text = "null" if request_id is None else spans["id"]
    if members.get("jsonrpc") != "2.0":
        raise Rejected(InvalidRequest('"jsonrpc" must be "2.0"'), id_text)
    if "method" not in members and ("result" in members or "error" in members):
        return Response(members.get("id"), members.get("result"), members.get("error"))
    if "id" in members and request_id is None:
        raise Rejected(InvalidRequest('"id" must be a string or a number'))
    method = members.get("method")
    if not isinstance(method, str):
        raise Rejected(InvalidRequest('"method" must be a string'), id_text)
    params = members.get("params")
    if params is None:
        params = {}
    elif not isinstance(params, dict):
        rule = "must be an object with named members"
        params = InvalidParams(f"params {rule}", errors=[{"path": "", "message": rule}])
    if request_id is None:
        return Notification(method, params)
    return Request(request_id, id_text, method, params)


def _id(value: Any) -> RequestId | None:
    if isinstance(value, bool):  # an int to Python, not to JSON
        return None
    if isinstance(value, float):
        return value if math.isfinite(value) else None  # 1e999 is JSON, but could not be told from 1e998
    return value if isinstance(value, (str, int, HugeInteger)) else None


class _Reader:
    """Reads one text; walks the message and its params itself, and leaves every other value to the C decoder."""

    def __init__(self, text: str, decoder: json.JSONDecoder, *, exact: bool) -> None:
        self._text = text
        self._decode = decoder.raw_decode
        self._exact = exact
        # The text of the members that are echoed or passed on, as far as it was read.
        self.spans: dict[str, str] = {}

    def message(self) -> tuple[Any, dict[str, str]]:
        """Return the value, and `spans`."""
        text = self._text
        start = self._blank(0)
        spans = self.spans
        if text.startswith("{", start):
            value, end = self._object(start, spans, nested="params")
        else:
            value, end = self._decode(text, start)
        if self._blank(end) != len(text):
            raise json.JSONDecodeError("extra data", text, end)
        if "args" in spans:
            params = value["params"]
            params["args"] = Arguments(params["args"], spans["args"], exact=self._exact)
        return value, spans

    def _object(self, start: int, spans: dict[str, str], *, nested: str | None) -> tuple[dict[str, Any], int]:
        text = self._text
        members: dict[str, Any] = {}
        index = self._blank(start + 1)
        if text.startswith("}", index):
            return members, index + 1
        while True:
            if not text.startswith('"', index):
                raise json.JSONDecodeError("expected a member's name in double quotes", text, index)
            key, index = self._decode(text, index)
            index = self._blank(index)
            if not text.startswith(":", index):
                raise json.JSONDecodeError("expected ':'", text, index)
            index = self._blank(index + 1)
            begin = index
            if key == nested:
                spans.pop("args", None)  # a later "params" replaces an earlier one, as for every JSON parser
            if key == nested and text.startswith("{", index):
                members[key], index = self._object(index, spans, nested=None)
            else:
                members[key], index = self._decode(text, index)
            if key == ("id" if nested else "args"):
                spans[key] = text[begin:index]
            index = self._blank(index)
            if text.startswith("}", index):
                return members, index + 1
            if not text.startswith(",", index):
                raise json.JSONDecodeError("expected ',' or '}'", text, index)
            index = self._blank(index + 1)

    def _blank(self, index: int) -> int:
        if not self._text.startswith(_BLANKS, index):  # mostly there is none
            return index
        found = _BLANK.match(self._text, index)
        return found.end() if found else index
