"""Messages: params are strict, errors name members and never values, and the schema says the same."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from sidecar.errors import InvalidParams
from sidecar.protocol.arguments import Arguments, HugeInteger
from sidecar.protocol.messages import RegisterParams, RunParams
from sidecar.protocol.methods import HOST_NOTIFICATIONS, METHODS
from sidecar.protocol.params import parse_params
from sidecar.protocol.results import UsageReport
from sidecar.protocol.schema import document, render

TOOL = {"id": "t", "code": "c"}


def refused(params: dict[str, Any], model: Any = RegisterParams) -> list[dict[str, str]]:
    with pytest.raises(InvalidParams) as caught:
        parse_params("method", model, params)
    errors: list[dict[str, str]] = caught.value.data["errors"]
    return errors


def test_wire_names_are_camel_case() -> None:
    params = parse_params(
        "register", RegisterParams, {**TOOL, "maxMemoryMB": 64, "pythonPath": "p", "workingDir": "/w"}
    )
    assert (params.max_memory_mb, params.python_path, params.working_dir) == (64, "p", "/w")
    usage = UsageReport(wall_ms=1, cpu_ms=1, max_rss_mb=1, queue_ms=1, peak_memory_mb=1, spawn_ms=1, run_ms=1)
    names = {"wallMs", "cpuMs", "maxRssMB", "queueMs", "peakMemoryMB", "spawnMs", "runMs"}
    assert set(usage.model_dump(by_alias=True)) == names


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("id", ""),
        ("id", "x" * 257),
        ("id", 1),
        ("id", "\ud800"),
        ("code", None),
        ("code", b"x"),
        ("code", "x" * (8 * 1024 * 1024 + 1)),
        ("timeout", 0),
        ("timeout", 86_400_001),
        ("timeout", True),
        ("timeout", "5"),
        ("timeout", 1.5),
        ("timeout", float("inf")),
        ("timeout", HugeInteger("9" * 5000)),
        ("maxMemoryMB", 7),
        ("maxMemoryMB", 1_048_577),
        ("maxMemoryMB", False),
        ("workingDir", "relative"),
        ("workingDir", "/a\0b"),
        ("workingDir", ""),
        ("pythonPath", ""),
        ("pythonPath", "a\0"),
        ("schema", []),
        ("schema", "{}"),
        ("replace", 1),
        ("replace", "true"),
        ("name", 3),
        ("max_memory_mb", 64),
        ("unknown", 1),
    ],
)
def test_a_member_that_does_not_fit_is_named(member: str, value: object) -> None:
    (error,) = refused({**TOOL, member: value})
    assert error["path"] == member
    assert error["message"].startswith(("must ", "is "))


def test_an_integral_float_is_an_integer() -> None:
    assert parse_params("register", RegisterParams, {**TOOL, "timeout": 60_000.0}).timeout == 60_000


def test_null_counts_as_absent_where_a_member_is_optional() -> None:
    assert parse_params("register", RegisterParams, {**TOOL, "timeout": None, "schema": None}) == parse_params(
        "register", RegisterParams, TOOL
    )


def test_every_missing_member_is_named() -> None:
    assert refused({}) == [{"path": "id", "message": "is required"}, {"path": "code", "message": "is required"}]


def test_an_unknown_member_is_answered_with_the_known_ones() -> None:
    (error,) = refused({**TOOL, "tiemout": 5})
    assert "timeout" in error["message"]
    assert "maxMemoryMB" in error["message"]


def test_an_error_never_quotes_a_value() -> None:
    for member in ("id", "timeout", "workingDir", "schema", "replace", "unknown"):
        assert "s3cret" not in json.dumps(refused({**TOOL, member: ["s3cret"]}))


def test_absent_arguments_are_an_empty_object() -> None:
    assert parse_params("run", RunParams, {"code": ""}).args == Arguments({}, "{}")


def test_the_schema_is_valid_and_covers_every_method() -> None:
    schema = document()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert set(schema["methods"]) == set(METHODS)
    assert set(schema["notifications"]["toSidecar"]) == set(HOST_NOTIFICATIONS)
    assert render() == render()


def test_the_schema_agrees_with_the_models() -> None:
    schema = document()
    validator = jsonschema.Draft202012Validator({**schema["methods"]["register"]["params"], "$defs": schema["$defs"]})
    assert validator.is_valid({**TOOL, "timeout": 5, "schema": {}})
    for change in ({"timeout": 0}, {"unknown": 1}, {"workingDir": "x"}, {"id": ""}, {"timeout": "5"}):
        assert not validator.is_valid({**TOOL, **change})
