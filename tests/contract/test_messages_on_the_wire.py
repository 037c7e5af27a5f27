"""What is answered to messages that are malformed, invalid or merely unusual."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from sidecar_process import Sidecar, request_text
from tables import Row, each

if TYPE_CHECKING:
    from collections.abc import Iterator

ECHO = "def run(args):\n    return args\n"


@pytest.fixture(scope="module")
def sidecar() -> Iterator[Sidecar]:
    with Sidecar() as started:
        yield started


@each("errors.json", "messages", "name")
def test_a_message_that_is_wrong_gets_its_code_and_its_id(sidecar: Sidecar, row: Row) -> None:
    sidecar.send(row["body"])
    reply = sidecar.receive()
    assert (reply["id"], reply["error"]["code"]) == (row["id"], row["code"]), reply
    assert reply["jsonrpc"] == "2.0"
    assert row.get("names", "") in reply["error"]["message"]
    assert "Traceback" not in json.dumps(reply)


@each("errors.json", "ignored", "name")
def test_a_message_that_wants_no_reply_gets_none(sidecar: Sidecar, row: Row) -> None:
    sidecar.send(row["body"])
    sidecar.send(request_text("next", "list"))
    assert sidecar.receive()["id"] == "next"


@each("errors.json", "params", "method", "names")
def test_params_that_do_not_fit_are_named(sidecar: Sidecar, row: Row) -> None:
    error = sidecar.error(row["method"], **row["params"])
    assert error["code"] == -32602
    assert row["names"] in error["message"]


def test_a_body_that_is_not_utf_8_is_malformed(sidecar: Sidecar) -> None:
    sidecar.send(b'{"jsonrpc":"2.0","id":1,"method":"list\xff"}')
    assert sidecar.receive()["error"]["code"] == -32700


@pytest.mark.parametrize("bracket", ["[", '{"a":'])
def test_nesting_of_a_hundred_thousand_levels_is_answered(sidecar: Sidecar, bracket: str) -> None:
    closing = "]" if bracket == "[" else "}"
    deep = bracket * 100_000 + "1" + closing * 100_000
    sidecar.send('{"jsonrpc":"2.0","id":1,"method":"run","params":{"code":"","args":' + deep + "}}")
    assert sidecar.receive()["error"]["code"] == -32700
    assert sidecar.run(ECHO, 1)["result"]["data"] == 1


def test_a_hundred_thousand_opening_brackets_are_answered(sidecar: Sidecar) -> None:
    sidecar.send("[" * 100_000)
    assert sidecar.receive()["error"]["code"] == -32700


@pytest.mark.parametrize("params", ["", ',"params":null', ',"params":{}'], ids=["absent", "null", "empty"])
def test_a_method_without_params_needs_none(sidecar: Sidecar, params: str) -> None:
    sidecar.send('{"jsonrpc":"2.0","id":"bare","method":"list"' + params + "}")
    assert "tools" in sidecar.reply("bare")["result"]


@pytest.mark.parametrize(
    "request_id",
    ['"text"', '""', '"ї🙂"', '"\\u0000"', '"1"', "0", "-1", "1.5", "12345678901234567890", "1e3", "9" * 5000],
    ids=lambda text: str(text)[:24],
)
def test_an_id_comes_back_as_it_was_sent(sidecar: Sidecar, request_id: str) -> None:
    sidecar.send('{"jsonrpc":"2.0","id":' + request_id + ',"method":"list"}')
    body = sidecar.receive_body().decode()
    assert f'"id":{request_id},' in body
    assert '"result"' in body


def test_the_ids_1_and_text_1_are_two_requests(sidecar: Sidecar) -> None:
    sidecar.send(request_text(1, "run", code=ECHO, args="number"))
    sidecar.send(request_text("1", "run", code=ECHO, args="text"))
    replies = {
        repr(message["id"]): message["result"]["result"]["data"] for message in (sidecar.receive(), sidecar.receive())
    }
    assert replies == {"1": "number", "'1'": "text"}


def test_an_id_that_is_in_flight_is_refused_and_the_first_request_is_not_disturbed(sidecar: Sidecar) -> None:
    code = "import time\ndef run(args):\n    time.sleep(0.3)\n    return args\n"
    sidecar.send(request_text("twice", "run", code=code, args="first"))
    sidecar.send(request_text("twice", "run", code=code, args="second"))
    replies = [sidecar.receive(), sidecar.receive()]
    assert replies[0]["error"]["code"] == -32600
    assert replies[1]["result"]["result"]["data"] == "first"


def test_members_of_a_request_may_come_in_any_order_and_more_may_be_there(sidecar: Sidecar) -> None:
    sidecar.send('{ "params" : {} , "trace":[1], "method":"list" , "id" : 77, "jsonrpc":"2.0"}\n')
    assert "tools" in sidecar.reply(77)["result"]


def test_an_error_has_a_kind_and_says_nothing_of_the_sidecar_itself(sidecar: Sidecar) -> None:
    error = sidecar.error("unregister", id="nobody")
    assert set(error) == {"code", "message", "data"}
    assert error["data"]["kind"] == "tool_not_found"
    assert "sidecar/" not in json.dumps(error)


def test_an_unknown_method_with_wrong_params_is_an_unknown_method(sidecar: Sidecar) -> None:
    sidecar.send('{"jsonrpc":"2.0","id":1,"method":"nope","params":[1]}')
    assert sidecar.receive()["error"]["code"] == -32601
