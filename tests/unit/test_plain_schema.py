"""A schema that is taken at a glance is one that python-jsonschema takes, and costs what it says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from sidecar.tools import schema as schemas
from sidecar.tools.plain_schema import weight_of

KEYWORDS = (
    "type", "properties", "required", "items", "additionalProperties", "enum", "title", "description", "minLength",
    "maxItems", "minimum", "exclusiveMaximum", "default", "const", "$comment", "pattern", "$ref", "format", "anyOf",
    "minProperties", "uniqueItems", "$schema", "$id", "unknown",
)  # fmt: skip
_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False)
    | st.sampled_from(["string", "object", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=3),
    max_leaves=10,
)
_schemas = st.dictionaries(st.sampled_from(KEYWORDS), _values, max_size=5)
TEXT = {"type": "string", "minLength": 1, "description": "what to count"}
PLAIN: dict[str, Any] = {
    "type": "object",
    "properties": {"text": TEXT, "tags": {"type": "array", "items": TEXT}, "kind": {"enum": ["a", "b"]}},
    "required": ["text"],
    "additionalProperties": False,
}


@settings(database=None, deadline=None, max_examples=500)
@given(_schemas)
def test_what_is_taken_at_a_glance_is_valid(schema: dict[str, Any]) -> None:
    if weight_of(schema) is not None:
        Draft202012Validator.check_schema(schema)


def test_the_usual_is_taken_at_a_glance() -> None:
    assert weight_of(PLAIN) == 8
    assert schemas.cost_of(PLAIN).weight == 8


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "text"},
        {"type": ["string", "null"]},
        {"required": ["a", "a"]},
        {"required": "a"},
        {"minLength": -1},
        {"minLength": 1.0},
        {"minLength": True},
        {"properties": []},
        {"properties": {"a": True}},
        {"items": [{}]},
        {"pattern": "(a+)+$"},
        {"$ref": "#"},
        {"$schema": "https://json-schema.org/draft/2020-12/schema"},
        {"additionalProperties": {"$ref": "http://example.com/x"}},
        {"description": 5},
    ],
)
def test_what_is_not_plain_is_left_to_the_library(schema: dict[str, Any]) -> None:
    assert weight_of(schema) is None


def test_a_schema_that_is_nested_without_end_is_not_plain() -> None:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(5000):
        schema = {"properties": {"a": schema}}
    assert weight_of(schema) is None


def test_what_the_library_refuses_is_refused() -> None:
    for schema in ({"type": "text"}, {"required": "a"}, {"minLength": -1}):
        with pytest.raises(SchemaError):
            Draft202012Validator.check_schema(schema)
        with pytest.raises(schemas.SchemaProblem):
            schemas.check_schema(schema)
