"""Findings of python-jsonschema in the shape and the words of Ajv, which hosts and models know.

Invariant: a finding quotes the schema, never the arguments; property names are the only text of theirs that appears.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sidecar.tools.schema import pointer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from jsonschema.exceptions import ValidationError

MAX_ERRORS = 20
_MAX_NAME_LENGTH = 100

Finding = dict[str, Any]


def findings(errors: Iterable[ValidationError]) -> list[Finding]:
    """Return at most `MAX_ERRORS` findings; a combinator's own branches come before it, as in Ajv."""
    found: list[Finding] = []
    seen: set[tuple[str, str, str]] = set()
    for finding in _flatten(errors):
        # jsonschema reports `required` once for each missing property, and each time all of them are expanded here.
        key = (finding["instancePath"], finding["schemaPath"], repr(finding["params"]))
        if key not in seen:
            seen.add(key)
            found.append(finding)
        if len(found) == MAX_ERRORS:
            break
    return found


def _flatten(errors: Iterable[ValidationError]) -> Iterator[Finding]:
    for error in errors:
        yield from _flatten(error.context or ())
        yield from _expand(error)


def _expand(error: ValidationError) -> Iterator[Finding]:
    keyword = str(error.validator) if error.validator is not None else "false schema"
    value, instance = error.validator_value, error.instance
    for message, params in _describe(keyword, value, instance, error):
        yield {
            "instancePath": pointer(error.absolute_path),
            "keyword": keyword,
            "message": message,
            "params": params,
            "schemaPath": "#" + pointer(error.absolute_schema_path),
        }


def _describe(keyword: str, value: Any, instance: Any, error: ValidationError) -> Iterator[tuple[str, dict[str, Any]]]:
    if keyword in _SIMPLE:
        yield _SIMPLE[keyword](value)
    elif keyword == "required" and isinstance(value, list):
        for name in value:
            if name not in instance:
                yield f"must have required property '{_short(name)}'", {"missingProperty": name}
    elif keyword == "additionalProperties":
        for name in _additional(instance, error.schema):
            yield f"must NOT have additional properties: '{_short(name)}'", {"additionalProperty": name}
    elif keyword in ("dependentRequired", "dependencies"):
        yield from _dependents(value, instance)
    elif keyword == "items":  # `false` after `prefixItems`
        limit = len(error.schema.get("prefixItems", ())) if isinstance(error.schema, dict) else 0
        yield f"must NOT have more than {limit} items", {"limit": limit}
    else:
        yield f'must pass "{keyword}" keyword validation', {}


def _dependents(value: dict[str, Any], instance: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, needed in value.items():
        for missing in needed if isinstance(needed, list) and name in instance else ():
            if missing not in instance:
                message = f"must have property '{_short(missing)}' when property '{_short(name)}' is present"
                yield message, {"property": name, "missingProperty": missing}


def _additional(instance: dict[str, Any], schema: Any) -> Iterator[str]:
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name in instance:
        if name not in known and not any(re.search(pattern, name) for pattern in patterns):
            yield name


def _short(name: str) -> str:
    return name if len(name) <= _MAX_NAME_LENGTH else name[:_MAX_NAME_LENGTH] + "…"


def _limit(text: str, comparison: str | None = None) -> Callable[[Any], tuple[str, dict[str, Any]]]:
    extra = {} if comparison is None else {"comparison": comparison}
    return lambda limit: (text.format(limit), {**extra, "limit": limit})


_SIMPLE: dict[str, Callable[[Any], tuple[str, dict[str, Any]]]] = {
    "type": lambda types: (f"must be {types if isinstance(types, str) else ','.join(types)}", {"type": types}),
    "enum": lambda values: ("must be equal to one of the allowed values", {"allowedValues": values}),
    "const": lambda value: ("must be equal to constant", {"allowedValue": value}),
    "minimum": _limit("must be >= {}", ">="),
    "maximum": _limit("must be <= {}", "<="),
    "exclusiveMinimum": _limit("must be > {}", ">"),
    "exclusiveMaximum": _limit("must be < {}", "<"),
    "minLength": _limit("must NOT have fewer than {} characters"),
    "maxLength": _limit("must NOT have more than {} characters"),
    "minItems": _limit("must NOT have fewer than {} items"),
    "maxItems": _limit("must NOT have more than {} items"),
    "minProperties": _limit("must NOT have fewer than {} properties"),
    "maxProperties": _limit("must NOT have more than {} properties"),
    "multipleOf": lambda value: (f"must be multiple of {value}", {"multipleOf": value}),
    "pattern": lambda pattern: (f'must match pattern "{pattern}"', {"pattern": pattern}),
    "uniqueItems": lambda _: ("must NOT have duplicate items", {}),
    "contains": lambda _: ("must contain at least 1 valid item(s)", {"minContains": 1}),
    "anyOf": lambda _: ("must match a schema in anyOf", {}),
    "oneOf": lambda _: ("must match exactly one schema in oneOf", {"passingSchemas": None}),
    "not": lambda _: ("must NOT be valid", {}),
    "unevaluatedProperties": lambda _: ("must NOT have unevaluated properties", {}),
    "unevaluatedItems": lambda _: ("must NOT have unevaluated items", {}),
    "false schema": lambda _: ("boolean schema is false", {}),
}
