"""Arguments: held against the schema, reported as Ajv does, and never able to stop anything else."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from host import Host, with_host

from sidecar.protocol.arguments import Arguments
from sidecar.tools import schema as schemas
from sidecar.tools.arguments import ArgumentCheck
from sidecar.tools.schema import cost_of
from sidecar.tools.validation_pool import ValidationPool

CATASTROPHIC = {"type": "object", "properties": {"x": {"type": "string", "pattern": "^(a+)+$"}}}
FATAL = {"x": "a" * 60 + "!"}


def check(schema: dict[str, Any], value: Any, *, helper: bool = False) -> Any:
    """Return the result for `value`, or None where it fits."""

    async def main() -> bytes | None:
        pool = ValidationPool()
        try:
            checker = await ArgumentCheck.create(schema, json.dumps(schema), pool)
            return await checker.result(Arguments(value, json.dumps(value), exact=not helper), 5000)
        finally:
            pool.close()

    result = asyncio.run(main())
    return None if result is None else json.loads(result)


def errors(schema: dict[str, Any], value: Any, *, helper: bool = False) -> list[dict[str, Any]]:
    result = check(schema, value, helper=helper)
    found: list[dict[str, Any]] = [] if result is None else result["error"]["errors"]
    return found


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"type": "string"}, 1, ("", "type", "must be string", {"type": "string"}, "#/type")),
        ({"type": ["string", "null"]}, 1, ("", "type", "must be string,null", {"type": ["string", "null"]}, "#/type")),
        ({"type": "integer"}, True, ("", "type", "must be integer", {"type": "integer"}, "#/type")),
        (
            {"required": ["text"]},
            {},
            ("", "required", "must have required property 'text'", {"missingProperty": "text"}, "#/required"),
        ),
        (
            {"properties": {"a": {"items": {"type": "number"}}}},
            {"a": [1, "x"]},
            ("/a/1", "type", "must be number", {"type": "number"}, "#/properties/a/items/type"),
        ),
        (
            {"properties": {"a/b~c": {"const": 1}}},
            {"a/b~c": 2},
            ("/a~1b~0c", "const", "must be equal to constant", {"allowedValue": 1}, "#/properties/a~1b~0c/const"),
        ),
        (
            {"enum": ["a", 1]},
            "b",
            ("", "enum", "must be equal to one of the allowed values", {"allowedValues": ["a", 1]}, "#/enum"),
        ),
        ({"minimum": 5}, 4, ("", "minimum", "must be >= 5", {"comparison": ">=", "limit": 5}, "#/minimum")),
        ({"maximum": 5}, 6, ("", "maximum", "must be <= 5", {"comparison": "<=", "limit": 5}, "#/maximum")),
        (
            {"exclusiveMinimum": 5},
            5,
            ("", "exclusiveMinimum", "must be > 5", {"comparison": ">", "limit": 5}, "#/exclusiveMinimum"),
        ),
        (
            {"minLength": 2},
            "a",
            ("", "minLength", "must NOT have fewer than 2 characters", {"limit": 2}, "#/minLength"),
        ),
        ({"maxItems": 1}, [1, 2], ("", "maxItems", "must NOT have more than 1 items", {"limit": 1}, "#/maxItems")),
        (
            {"pattern": "^a$"},
            "b",
            ("", "pattern", 'must match pattern "^a$"', {"pattern": "^a$"}, "#/pattern"),
        ),
        ({"multipleOf": 2}, 3, ("", "multipleOf", "must be multiple of 2", {"multipleOf": 2}, "#/multipleOf")),
        ({"uniqueItems": True}, [1, 1], ("", "uniqueItems", "must NOT have duplicate items", {}, "#/uniqueItems")),
    ],
)
def test_a_finding_has_the_shape_and_the_words_of_ajv(
    schema: dict[str, Any], value: Any, expected: tuple[Any, ...]
) -> None:
    names = ("instancePath", "keyword", "message", "params", "schemaPath")
    assert errors(schema, value) == [dict(zip(names, expected, strict=True))]


@pytest.mark.parametrize("helper", [False, True])
def test_each_missing_and_each_additional_property_is_a_finding_of_its_own(helper: bool) -> None:  # noqa: FBT001 - a parameter of the test
    schema = {"required": ["a", "b"], "properties": {"a": {}, "b": {}}, "additionalProperties": False}
    found = [(error["keyword"], error["params"]) for error in errors(schema, {"c": 1, "d": 2}, helper=helper)]
    assert sorted(found, key=str) == [
        ("additionalProperties", {"additionalProperty": "c"}),
        ("additionalProperties", {"additionalProperty": "d"}),
        ("required", {"missingProperty": "a"}),
        ("required", {"missingProperty": "b"}),
    ]


def test_the_branches_of_a_combinator_come_before_it() -> None:
    found = errors({"anyOf": [{"type": "string"}, {"type": "null"}]}, 1)
    assert [(error["keyword"], error["schemaPath"]) for error in found] == [
        ("type", "#/anyOf/0/type"),
        ("type", "#/anyOf/1/type"),
        ("anyOf", "#/anyOf"),
    ]


def test_a_false_schema_is_a_finding_too() -> None:
    assert [error["keyword"] for error in errors({"properties": {"x": False}}, {"x": 1})] == ["false schema"]


def test_there_are_at_most_twenty_findings() -> None:
    assert len(errors({"items": {"type": "string"}}, list(range(100)))) == 20


def test_the_result_tells_a_model_what_to_correct() -> None:
    result = check({"required": ["text"]}, {})
    assert result["ok"] is False
    assert {key: result["error"][key] for key in ("code", "type")} == {
        "code": "invalid_args",
        "type": "ValidationError",
    }
    assert "must have required property 'text'" in result["error"]["message"]
    assert result["error"]["hint"]


def test_a_result_never_quotes_the_arguments() -> None:
    schema = {
        "properties": {"x": {"type": "integer", "enum": [1], "pattern": "^b"}},
        "additionalProperties": {"type": "null"},
    }
    for helper in (False, True):
        assert "s3cret" not in json.dumps(check(schema, {"x": "s3cret", "y": "s3cret"}, helper=helper))


def test_format_is_an_annotation() -> None:
    assert check({"format": "email"}, "no address") is None


@pytest.mark.parametrize(
    "schema",
    [
        {"pattern": "x"},
        {"patternProperties": {"x": {}}},
        {"items": {"uniqueItems": True}},
        {"anyOf": [{"propertyNames": {"pattern": "x"}}]},
        {"$defs": {"a": {}}, "$ref": "#/$defs/a"},
        {"properties": {"x": {"if": {}, "then": {}}}},
    ],
)
def test_what_can_take_any_time_is_not_cheap(schema: dict[str, Any]) -> None:
    assert cost_of(schema).weight is None


def test_an_ordinary_schema_is_cheap_for_ordinary_arguments_only() -> None:
    cost = cost_of(
        {"type": "object", "properties": {"pattern": {"type": "string"}, "$ref": {"enum": [1, 2]}}, "required": ["x"]}
    )
    assert cost.weight == 6
    assert cost.allows("[1,2]", 20_000)
    assert not cost.allows("[" + "1," * 10_000 + "1]", 20_000)


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        # Each subschema that fails quotes the text; each value that fails quotes the allowed ones.
        ({"anyOf": [{"type": "null"}] * 400}, json.dumps("x" * 1_000_000)),
        ({"items": {"enum": ["x" * 4000]}}, json.dumps([1] * 6000)),
    ],
)
def test_what_is_quoted_in_errors_counts_as_work(schema: dict[str, Any], arguments: str) -> None:
    assert not cost_of(schema).allows(arguments, 20_000)


@pytest.mark.parametrize(("parts", "on_the_loop"), [(900, ["cost_of"]), (1100, [])])
def test_a_schema_of_many_parts_is_looked_at_in_the_helper(
    parts: int, on_the_loop: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def watched(name: str) -> Any:
        real = getattr(schemas, name)

        def watch(schema: dict[str, Any]) -> Any:
            seen.append(name)
            return real(schema)

        return watch

    for name in ("check_schema", "cost_of"):
        monkeypatch.setattr(schemas, name, watched(name))
    assert check({"anyOf": [{}] * parts}, {"x": 1}) is None
    assert seen == on_the_loop


def test_integers_of_any_size_are_checked_as_such() -> None:
    digits = "9" * 10_000

    async def scenario(host: Host) -> None:
        for schema, ok in (({"type": "integer", "minimum": 10}, True), ({"type": "integer", "maximum": 10}, False)):
            await host.result("register", {"id": "t", "code": "echo", "schema": schema, "replace": True})
            host.send_body(b'{"jsonrpc":"2.0","id":1,"method":"run","params":{"id":"t","args":%b}}' % digits.encode())
            assert (b'"ok": true' in await host.receive_body()) == ok

    with_host(scenario)


def test_a_pattern_that_backtracks_for_ever_ends_at_the_calls_deadline_and_stalls_nobody() -> None:
    async def scenario(host: Host) -> None:
        await host.result("register", {"id": "slow", "code": "echo", "schema": CATASTROPHIC})
        await host.result(
            "register", {"id": "other", "code": "echo", "schema": {"properties": {"x": {"pattern": "^b"}}}}
        )
        started = time.monotonic()
        slow = [host.send("run", {"id": "slow", "args": FATAL, "timeout": 1000}) for _ in range(2)]
        assert (await host.result("run", {"id": "other", "args": {"x": "b"}}))["result"]["ok"]
        assert (await host.result("run", {"code": "echo"}))["result"]["ok"]
        assert time.monotonic() - started < 1.0
        replies = {reply["id"]: reply for reply in [await host.receive() for _ in slow]}
        first = replies[slow[0]]["result"]
        assert first["result"]["error"]["code"] == "invalid_args"
        assert "1000 ms" in first["result"]["error"]["message"]
        assert set(first["usage"].values()) == {0.0}
        assert first["isolation"] == {"level": "none", "layers": []}
        assert (await host.result("run", {"id": "slow", "args": {"x": "aaa"}}))["result"]["ok"]

    with_host(scenario)


def test_a_check_in_the_helper_can_be_cancelled_and_the_next_one_works() -> None:
    async def scenario(host: Host) -> None:
        await host.result("register", {"id": "slow", "code": "echo", "schema": CATASTROPHIC})
        request_id = host.send("run", {"id": "slow", "args": FATAL})
        await host.result("stats")
        host.notify("$/cancelRequest", {"id": request_id})
        assert (await host.receive())["error"]["code"] == -32800
        assert (await host.result("run", {"id": "slow", "args": {"x": "aaa"}}))["result"]["ok"]

    with_host(scenario)


def test_arguments_that_send_a_schema_round_in_circles_are_a_result() -> None:
    async def scenario(host: Host) -> None:
        schema = {"properties": {"a": {"$ref": "#/properties/a"}}}
        await host.result("register", {"id": "t", "code": "echo", "schema": schema})
        result = await host.result("run", {"id": "t", "args": {"a": 1}})
        assert result["result"]["error"]["code"] == "invalid_args"
        assert (await host.result("run", {"id": "t"}))["result"]["ok"]

    with_host(scenario)


def test_a_recursive_schema_works() -> None:
    schema = {"type": "object", "properties": {"child": {"$ref": "#"}}, "additionalProperties": False}
    assert check(schema, {"child": {"child": {}}}) is None
    assert errors(schema, {"child": {"x": 1}})[0]["instancePath"] == "/child"


def test_deep_arguments_against_a_recursive_schema_are_no_failure() -> None:
    value: Any = {}
    for _ in range(190):
        value = {"child": value}
    assert check({"type": "object", "properties": {"child": {"$ref": "#"}}}, value) is None


def test_a_big_schema_is_checked_in_the_helper() -> None:
    big = {"properties": {f"p{index}": {"type": "string"} for index in range(1000)}}
    assert [error["instancePath"] for error in errors(big, {"p7": 1})] == ["/p7"]
