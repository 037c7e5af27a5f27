"""A registration without a schema gets one from its entry point's type hints; with one, the hints are not asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sidecar_process import Sidecar

if TYPE_CHECKING:
    from collections.abc import Iterator

GREET = 'def run(*, name: str, times: int = 1):\n    """Greet somebody."""\n    return f"Hello {name}!" * times\n'
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "times": {"type": "integer", "default": 1}},
    "required": ["name"],
    "additionalProperties": False,
}


@pytest.fixture
def sidecar(running: Sidecar) -> Sidecar:
    for tool in running.call("list")["tools"]:
        running.call("unregister", id=tool["id"])
    return running


@pytest.fixture(scope="module")
def running() -> Iterator[Sidecar]:
    with Sidecar() as started:
        yield started


def listed(sidecar: Sidecar) -> Any:
    (tool,) = sidecar.call("list")["tools"]
    return tool


def test_the_schema_and_the_docstring_are_listed_and_arguments_are_checked(sidecar: Sidecar) -> None:
    reply = sidecar.call("register", id="greet", code=GREET)
    assert reply["schemaDerived"] is True
    assert "warnings" not in reply
    assert (listed(sidecar)["schema"], listed(sidecar)["description"]) == (SCHEMA, "Greet somebody.")
    assert sidecar.call("run", id="greet", args={"name": "Ada", "times": 2})["result"]["data"] == "Hello Ada!" * 2
    error = sidecar.call("run", id="greet", args={"nmae": "Ada"})["result"]["error"]
    assert error["code"] == "invalid_args"
    assert {found["keyword"] for found in error["errors"]} == {"required", "additionalProperties"}


def test_registering_it_again_changes_nothing_and_says_the_same(sidecar: Sidecar) -> None:
    assert sidecar.call("register", id="greet", code=GREET) == sidecar.call("register", id="greet", code=GREET)


def test_a_schema_and_a_description_of_the_hosts_win(sidecar: Sidecar) -> None:
    reply = sidecar.call("register", id="greet", code=GREET, schema={}, description="mine")
    assert "schemaDerived" not in reply
    assert (listed(sidecar)["schema"], listed(sidecar)["description"]) == ({}, "mine")
    error = sidecar.call("run", id="greet", args={})["result"]["error"]
    assert (error["code"], error["message"]) == ("tool_error", "run() is missing 'name'")


def test_a_tool_without_hints_is_not_run_when_it_is_registered(sidecar: Sidecar) -> None:
    reply = sidecar.call("register", id="loop", code="while True: pass\ndef run(args: dict): return 1")
    assert reply.keys() == {"id", "codeHash"}
    assert listed(sidecar)["schema"] is None


@pytest.mark.parametrize(
    ("top", "words"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import os; os._exit(1)", "ended its process"),
        ("while True: pass", "did not end within"),
        ("Args = 1\nclass A(Args): pass", "TypeError"),
    ],
)
def test_a_top_level_that_fails_costs_the_schema_and_not_the_registration(
    sidecar: Sidecar, top: str, words: str
) -> None:
    reply = sidecar.call("register", id="bad", code=f"{top}\n{GREET}")
    assert "schemaDerived" not in reply
    assert words in reply["warnings"][0]
    assert listed(sidecar)["schema"] is None
    assert sidecar.call("register", id="good", code=GREET)["schemaDerived"] is True


FORGED = """
import os, struct
def send(text):
    body = text.encode()
    os.write(3, struct.pack("!BI", 0x32, len(body)) + body)
send({said!r})
"""


@pytest.mark.parametrize(
    "said",
    [
        '[{"schema": {"pattern": "^(a+)+$"}}]',
        '[{"schema": {"$ref": "http://127.0.0.1/x"}}]',
        '[{"schema": {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}}]',
        '[{"schema": {"$ref": "#/$defs/nowhere"}}]',
        '[{"schema": {"type": "objekt"}}]',
        '[{"schema": {"required": 5}}]',
        "[" * 500,
    ],
)
def test_a_schema_that_a_tool_forges_is_used_only_if_hints_could_have_led_to_it(sidecar: Sidecar, said: str) -> None:
    reply = sidecar.call("register", id="forged", code=FORGED.format(said=said) + GREET)
    assert "schemaDerived" not in reply
    assert reply["warnings"]
    assert listed(sidecar)["schema"] is None
    assert sidecar.call("run", id="forged", args={"name": "x"})["result"]["error"]["code"] == "crashed"
    assert sidecar.call("run", code="def run(args): return 1")["result"]["data"] == 1
