"""Registry: what is registered, in which order things about one id happen, and what is refused."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest
from fake_runner import FakeRunner
from host import Host, with_host

from sidecar.errors import InternalError, SandboxUnavailable
from sidecar.runner.outcome import Derivation

TOOL = {"id": "t", "code": "echo", "name": "T", "description": "d", "schema": {"type": "object"}}


def test_a_tool_is_listed_in_the_order_of_registration_until_it_is_unregistered() -> None:
    async def scenario(host: Host) -> None:
        code_hash = hashlib.sha256(b"echo").hexdigest()
        assert await host.result("register", TOOL) == {"id": "t", "codeHash": code_hash}
        await host.result("register", {"id": "a", "code": "echo"})
        tools = (await host.result("list"))["tools"]
        assert [tool["id"] for tool in tools] == ["t", "a"]
        assert tools[0] == {
            "codeHash": code_hash,
            **{key: TOOL[key] for key in ("id", "name", "description", "schema")},
        }
        assert tools[1] == {"id": "a", "name": None, "description": None, "schema": None, "codeHash": code_hash}
        assert await host.result("unregister", {"id": "t"}) == {}
        assert [tool["id"] for tool in (await host.result("list"))["tools"]] == ["a"]

    with_host(scenario)


def test_an_unknown_tool_can_be_neither_run_nor_unregistered() -> None:
    async def scenario(host: Host) -> None:
        for method in ("run", "unregister"):
            assert (await host.error(method, {"id": "x"}))["code"] == -32010

    with_host(scenario)


def test_the_same_content_again_is_not_even_checked() -> None:
    async def scenario(host: Host) -> None:
        first = await host.result("register", TOOL)
        assert await host.result("register", dict(reversed(TOOL.items()))) == first
        assert await host.result("register", {**TOOL, "replace": True}) == first
        assert host.runner.checked == ["echo"]

    with_host(scenario)


@pytest.mark.parametrize(
    "change",
    [
        {"code": "print"},
        {"name": "U"},
        {"description": None},
        {"schema": {"type": "string"}},
        {"timeout": 5},
        {"maxMemoryMB": 64},
        {"pythonPath": "p"},
        {"workingDir": "/w"},
    ],
)
def test_other_content_needs_replace(change: dict[str, object]) -> None:
    async def scenario(host: Host) -> None:
        await host.result("register", TOOL)
        assert (await host.error("register", {**TOOL, **change}))["code"] == -32011
        await host.result("register", {**TOOL, **change, "replace": True})
        assert len((await host.result("list"))["tools"]) == 1

    with_host(scenario)


def test_each_owner_has_ids_of_its_own() -> None:
    async def scenario(host: Host) -> None:
        await host.result("register", TOOL)
        await host.result("register", {**TOOL, "owner": "o", "name": "O's"})
        assert [tool["name"] for tool in (await host.result("list"))["tools"]] == ["T"]
        assert [tool["name"] for tool in (await host.result("list", {"owner": "o"}))["tools"]] == ["O's"]
        assert (await host.result("list", {"owner": "nobody"}))["tools"] == []
        assert (await host.result("stats"))["tools"] == 2
        assert (await host.error("register", {**TOOL, "owner": "o"}))["code"] == -32011
        assert (await host.result("run", {"id": "t", "owner": "o"}))["result"]["ok"]
        await host.result("unregister", {"id": "t"})
        for method in ("run", "unregister"):
            assert (await host.error(method, {"id": "t"}))["code"] == -32010
        assert (await host.result("run", {"id": "t", "owner": "o"}))["result"]["ok"]

    with_host(scenario)


def test_true_and_one_are_other_content() -> None:
    async def scenario(host: Host) -> None:
        await host.result("register", {**TOOL, "schema": {"const": 1}})
        assert (await host.error("register", {**TOOL, "schema": {"const": True}}))["code"] == -32011

    with_host(scenario)


def test_code_that_does_not_compile_is_refused_with_its_place_and_the_old_tool_stays() -> None:
    async def scenario(host: Host) -> None:
        await host.result("register", TOOL)
        error = await host.error("register", {**TOOL, "code": "syntax error", "replace": True})
        assert error["code"] == -32012
        assert (error["data"]["line"], error["data"]["column"]) == (3, 7)
        assert (await host.result("run", {"id": "t"}))["result"]["ok"]

    with_host(scenario)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strin"},
        {"type": 1},
        {"properties": []},
        {"required": "x"},
        {"pattern": "("},
        {"patternProperties": {"(": {}}},
        {"$ref": "#"},
        {"$ref": "#/$defs/missing"},
        {"properties": {"a": {"$ref": "http://example.com/schema.json"}}},
        {"properties": {"a": {"$ref": "file:///etc/passwd"}}},
        {"$schema": "http://example.com/unknown"},
        {"$schema": 1},
        {"allOf": [{"$ref": "#"}]},
    ],
)
def test_what_is_no_usable_schema_is_refused(schema: dict[str, object]) -> None:
    async def scenario(host: Host) -> None:
        error = await host.error("register", {"id": "t", "code": "echo", "schema": schema})
        assert error["code"] == -32012
        assert (await host.result("list"))["tools"] == []

    with_host(scenario)


@pytest.mark.parametrize("draft", ["draft-04", "draft-06", "draft-07"])
def test_known_drafts_are_honoured(draft: str) -> None:
    async def scenario(host: Host) -> None:
        schema = {
            "$schema": f"http://json-schema.org/{draft}/schema#",
            "definitions": {"a": {"type": "string"}},
            "properties": {"x": {"$ref": "#/definitions/a"}},
        }
        await host.result("register", {"id": "t", "code": "echo", "schema": schema})
        assert (await host.result("run", {"id": "t", "args": {"x": "s"}}))["result"]["ok"]
        assert not (await host.result("run", {"id": "t", "args": {"x": 1}}))["result"]["ok"]

    with_host(scenario)


def test_a_schema_with_numbers_that_json_cannot_carry_is_bad_params() -> None:
    async def scenario(host: Host) -> None:
        for number in (b"1e400", b"9" * 5000):
            host.send_body(
                b'{"jsonrpc":"2.0","id":1,"method":"register","params":{"id":"t","code":"","schema":{"const":%b}}}'
                % number
            )
            assert (await host.receive())["error"]["code"] == -32602

    with_host(scenario)


def test_a_run_behind_its_register_finds_the_tool() -> None:
    async def scenario(host: Host) -> None:
        host.runner.check_gate = asyncio.Event()
        register = host.send("register", TOOL)
        run = host.send("run", {"id": "t"})
        gone = host.send("unregister", {"id": "t"})
        again = host.send("run", {"id": "t"})
        await host.result("stats")
        host.runner.check_gate.set()
        replies = {reply["id"]: reply for reply in [await host.receive() for _ in range(4)]}
        assert "result" in replies[register]
        assert "result" in replies[run]
        assert "result" in replies[gone]
        assert replies[again]["error"]["code"] == -32010

    with_host(scenario)


def test_two_registrations_of_one_id_at_once_are_decided_in_their_order() -> None:
    async def scenario(host: Host) -> None:
        host.runner.check_gate = asyncio.Event()
        first, second = host.send("register", TOOL), host.send("register", {**TOOL, "code": "print"})
        await host.result("stats")
        host.runner.check_gate.set()
        replies = {reply["id"]: reply for reply in [await host.receive(), await host.receive()]}
        assert "result" in replies[first]
        assert replies[second]["error"]["code"] == -32011

    with_host(scenario)


def test_a_cancelled_registration_leaves_the_id_free() -> None:
    async def scenario(host: Host) -> None:
        host.runner.check_gate = asyncio.Event()
        first = host.send("register", TOOL)
        await host.result("stats")
        host.notify("$/cancelRequest", {"id": first})
        assert (await host.receive())["error"]["code"] == -32800
        host.runner.check_gate.set()
        await host.result("register", {**TOOL, "code": "print"})

    with_host(scenario, FakeRunner())


def test_a_list_behind_a_register_has_the_tool() -> None:
    async def scenario(host: Host) -> None:
        host.runner.check_gate = asyncio.Event()
        host.send("register", TOOL)
        listed = host.send("list")
        await host.result("stats")
        host.runner.check_gate.set()
        replies = {reply["id"]: reply for reply in [await host.receive(), await host.receive()]}
        assert [tool["id"] for tool in replies[listed]["result"]["tools"]] == ["t"]

    with_host(scenario)


HINTED = {"id": "h", "code": "hinted", "timeout": 5, "maxMemoryMB": 64, "pythonPath": "p", "minIsolation": "process"}


def test_a_hinted_tool_without_a_schema_gets_one_under_its_own_settings() -> None:
    async def scenario(host: Host) -> None:
        host.runner.said = Derivation(b'[{"schema": {"type": "string"}, "description": "d"}]')
        assert (await host.result("register", HINTED))["schemaDerived"] is True
        assert host.runner.derived == [("hinted", "p", "process", 64)]
        (tool,) = (await host.result("list"))["tools"]
        assert (tool["schema"], tool["description"]) == ({"type": "string"}, "d")
        assert (await host.result("run", {"id": "h", "args": 1}))["result"]["error"]["code"] == "invalid_args"
        assert await host.result("register", HINTED) == await host.result("register", HINTED)
        assert len(host.runner.derived) == 1

    with_host(scenario)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (Derivation(problem="it sleeps"), "it sleeps"),
        (Derivation(b'[{"problem": "it raised"}]'), "it raised"),
        (Derivation(b"rubbish"), "no schema of type hints"),
        (Derivation(b'[{"schema": {"type": "objekt"}}]'), "not a usable JSON Schema"),
        (SandboxUnavailable("no jail.", missing=[]), "no jail"),
        (InternalError("the zygote died.", retryable=True), "the zygote died"),
    ],
)
def test_a_schema_that_cannot_be_derived_is_a_warning(said: Any, words: str) -> None:
    async def scenario(host: Host) -> None:
        host.runner.said = said
        (warning,) = (await host.result("register", HINTED))["warnings"]
        assert words in warning
        assert (await host.result("list"))["tools"][0]["schema"] is None
        assert (await host.result("run", {"id": "h", "args": 1}))["result"]["ok"]

    with_host(scenario)


def test_hints_that_say_nothing_are_no_schema_and_no_warning() -> None:
    async def scenario(host: Host) -> None:
        host.runner.said = Derivation(b'[{"schema": null, "description": "d"}]')
        assert (await host.result("register", HINTED)).keys() == {"id", "codeHash"}
        assert (await host.result("list"))["tools"][0]["description"] == "d"

    with_host(scenario)


def test_a_tool_that_has_a_schema_or_no_hints_is_not_asked_for_its_hints() -> None:
    async def scenario(host: Host) -> None:
        await host.result("register", {**HINTED, "schema": {}})
        await host.result("register", TOOL)
        assert host.runner.derived == []

    with_host(scenario)
