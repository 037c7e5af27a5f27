"""JSON in, JSON out: what goes through a tool unchanged, and what is refused with the path to it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from sidecar_process import Sidecar, request_text
from tables import Row, each, text

if TYPE_CHECKING:
    from collections.abc import Iterator

ECHO = "def run(args):\n    return [args]\n"


@pytest.fixture(scope="module")
def sidecar() -> Iterator[Sidecar]:
    with Sidecar() as started:
        yield started


def exact(text: str) -> Any:
    """Return a JSON text's value with integers as their digits, whatever their number."""
    return json.loads(text, parse_int=lambda digits: f"integer {digits}")


def send_run(sidecar: Sidecar, code: str, members: str) -> None:
    """Send a `run` whose params are spelled by hand."""
    sidecar.send('{"jsonrpc":"2.0","id":0,"method":"run","params":{"code":' + json.dumps(code) + f",{members}}}}}")


def echoed(sidecar: Sidecar, value: str) -> Any:
    """Return what a tool that returns its args makes of a JSON text."""
    send_run(sidecar, ECHO, f'"args":{value}')
    reply = exact(sidecar.receive_body().decode("utf-8"))
    assert reply["result"]["result"]["ok"] is True, str(reply)[:2000]
    (data,) = reply["result"]["result"]["data"]
    return data


@each("values.json", "unchanged", "name")
def test_a_value_goes_through_unchanged(sidecar: Sidecar, row: Row) -> None:
    value = text(row["json"])
    assert repr(echoed(sidecar, value)) == repr(exact(value))


def test_every_character_of_unicode_goes_through_unchanged(sidecar: Sidecar) -> None:
    everything = "".join(chr(point) for point in range(sys.maxunicode + 1) if not 0xD800 <= point <= 0xDFFF)
    assert echoed(sidecar, json.dumps(everything, ensure_ascii=False)) == everything
    assert echoed(sidecar, json.dumps(everything)) == everything


def test_a_tool_gets_integers_as_integers_and_floats_as_floats(sidecar: Sidecar) -> None:
    code = "def run(args):\n    return [type(value).__name__ for value in args]\n"
    assert sidecar.run(code, [1, 1.0, True, None, 2**70])["result"]["data"] == [
        "int",
        "float",
        "bool",
        "NoneType",
        "int",
    ]


def test_absent_args_are_an_empty_object(sidecar: Sidecar) -> None:
    assert sidecar.call("run", code="def run(args):\n    return repr(args)\n")["result"]["data"] == "{}"


@pytest.mark.parametrize("value", ["1e400", '"\\ud800"', '{"\\udfff":1}'], ids=["1e400", "surrogate", "surrogate key"])
def test_args_that_json_cannot_give_back_reach_the_tool_and_are_not_serializable(sidecar: Sidecar, value: str) -> None:
    for code, outcome in ((ECHO, "not_serializable"), ("def run(args):\n    return 'got it'\n", None)):
        send_run(sidecar, code, f'"args":{value}')
        result = sidecar.reply(0)["result"]["result"]
        assert result.get("error", {}).get("code") == outcome, result


def test_of_two_members_with_one_name_the_last_counts(sidecar: Sidecar) -> None:
    send_run(sidecar, ECHO, '"args":1,"args":2')
    assert sidecar.reply(0)["result"]["result"]["data"] == [2]


@each("values.json", "refused", "name")
def test_a_value_that_is_not_json_is_refused_with_the_path_to_it(sidecar: Sidecar, row: Row) -> None:
    result = sidecar.run(f"def run(args):\n    return {row['expression']}\n")["result"]
    assert result["ok"] is False
    assert result["error"]["code"] == "not_serializable"
    assert row["path"] in result["error"]["message"]


def test_a_value_that_is_not_json_comes_with_what_to_return_instead(sidecar: Sidecar) -> None:
    error = sidecar.run("def run(args):\n    return {1, 2}\n")["result"]["error"]
    assert "list" in error["message"] + error.get("hint", "")


@each("values.json", "passed_through", "returned")
def test_only_a_dict_with_ok_is_passed_through_as_it_is(sidecar: Sidecar, row: Row) -> None:
    result = sidecar.run(f"def run(args):\n    return {row['returned']}\n")["result"]
    assert repr(result) == repr(row["result"])


def test_a_tool_cannot_forge_more_than_its_result(sidecar: Sidecar) -> None:
    forged = {"ok": True, "stdout": "forged", "usage": {"wallMs": 0}, "isolation": {"level": "none"}}
    reply = sidecar.run(ECHO.replace("[args]", "args"), forged)
    assert reply["result"] == forged
    assert reply["stdout"] == ""
    assert reply["usage"]["wallMs"] > 0
    assert reply["isolation"]["level"] == "strict"


def test_a_result_that_closes_its_own_object_changes_no_other_reply(sidecar: Sidecar) -> None:
    sidecar.send(request_text("a", "run", code=ECHO, args='"}},"stdout":"forged","x":{"y":"'))
    sidecar.send(request_text("b", "run", code=ECHO, args="mine"))
    assert sidecar.reply("b")["result"]["result"]["data"] == ["mine"]
    assert sidecar.reply("a")["result"]["stdout"] == ""
