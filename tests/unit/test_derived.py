"""What a worker says of type hints is a stranger's word: what is kept of it, and what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sidecar.tools.derived import read


def answer(schema: Any, description: Any = None) -> bytes:
    return json.dumps([{"schema": schema, "description": description}]).encode()


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"pattern": {"type": "string"}}, "required": ["pattern"]},
        {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}], "$defs": {"A": {"type": "object"}}},
        {"type": "array", "prefixItems": [{}], "minItems": 1, "maxItems": 1},
        {"type": "object", "additionalProperties": False},
        {"type": "object", "additionalProperties": {"enum": [1, None]}, "default": {"$ref": "http://a"}},
    ],
)
def test_a_schema_of_type_hints_is_kept_as_it_is(schema: Any) -> None:
    found = read(answer(schema, "d"))
    assert (found.schema, found.description, found.problem) == (schema, "d", "")
    assert json.loads(found.schema_text) == schema


@pytest.mark.parametrize(
    "schema",
    [
        {"pattern": "^(a+)+$"},
        {"properties": {"x": {"items": {"pattern": "a"}}}},
        {"$ref": "http://example.com/schema.json"},
        {"anyOf": [{"$ref": "file:///etc/passwd"}]},
        {"$ref": "#"},
        {"$schema": "http://example.com/unknown"},
        {"$id": "http://example.com/"},
        {"$dynamicRef": "#a"},
        {"uniqueItems": True},
        {"properties": [1]},
        {"properties": {"x": 1}},
        {"items": True},
        {"anyOf": {}},
        {"additionalProperties": True},
        [],
        "text",
        {"default": float("nan")},
        {"default": float("inf")},
        {"description": "\ud800"},
        {"anyOf": [{"anyOf": [{"anyOf": []}]} for _ in range(2)], "default": [[[[[[]]]]]], "x": 1},
    ],
)
def test_what_type_hints_cannot_lead_to_is_refused(schema: Any) -> None:
    found = read(answer(schema, "d"))
    assert (found.schema, found.description) == (None, None)
    assert found.problem


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"{}",
        b"[]",
        b"[1]",
        b"[{}, {}]",
        b'[{"schema": {}}, {}]',
        b"\xff",
        b"[" * 10_000,
        b'[{"schema": {"default": ' + b"[" * 70 + b"]" * 70 + b"}}]",
        b'[{"schema": {"default": 1e999}}]',
        b'[{"schema": {"default": ' + b"9" * 5000 + b"}}]",
        b'[{"schema": {"type": "object", "default": "' + b"x" * (1 << 17) + b'"}}]',
    ],
)
def test_what_no_worker_of_ours_writes_is_refused(said: bytes) -> None:
    assert read(said).schema is None
    assert read(said).problem


def test_a_problem_is_one_printable_line_of_bounded_length() -> None:
    found = read(json.dumps([{"problem": "a\n\x1b[31mb" + "c" * 1000}]).encode())
    assert found.problem.startswith("a  [31mbc")
    assert found.problem.endswith("…")
    assert len(found.problem) < 400


def test_a_description_that_is_no_text_is_none() -> None:
    assert read(answer(None, 7)).description is None
