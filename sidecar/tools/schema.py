"""A tool's JSON Schema: whether it is one, what it refers to, and what checking arguments against it may cost.

Invariant: no reference leaves the schema (nothing is ever fetched), and a schema counts as cheap only when checking
takes time in proportion to the arguments. Patterns, references and uniqueness are not cheap: they can take any time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import referencing
import referencing.exceptions
import referencing.jsonschema
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from jsonschema.validators import validator_for

from sidecar.tools import plain_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonschema.protocols import Validator

_MAX_REASON_LENGTH = 300
# Characters of the arguments, and of a schema's `enum`, that are quoted in the time of one step.
_QUOTED_PER_STEP = 256
_CHEAP_KEYWORDS = frozenset(
    {
        *("type", "properties", "required", "enum", "const", "items", "prefixItems", "additionalProperties"),
        *(
            "minimum",
            "maximum",
            "exclusiveMinimum",
            "exclusiveMaximum",
            "minLength",
            "maxLength",
            "minItems",
            "maxItems",
        ),
        *("minProperties", "maxProperties", "allOf", "anyOf", "oneOf", "not"),
        *("$schema", "$comment", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"),
        "format",  # an annotation here, never asserted
    }
)


class SchemaProblem(Exception):
    """Not a JSON Schema that can be used; `path` is a JSON pointer into it."""

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path


class Cost(NamedTuple):
    """`weight` bounds the work for one value of the arguments; None means that nothing bounds it."""

    weight: int | None

    def allows(self, arguments: str, budget: int) -> bool:
        """Whether checking these arguments (JSON text) stays within `budget` elementary steps."""
        if self.weight is None:
            return False
        values = 1 + arguments.count(",") + arguments.count(":")
        # Each subschema that does not fit makes python-jsonschema quote what it was held against.
        quoted = len(arguments) // _QUOTED_PER_STEP
        return self.weight * (values + quoted) <= budget


def check_schema(schema: dict[str, Any]) -> None:
    """Raise `SchemaProblem` unless `schema` is valid in its dialect and all that it refers to is in it."""
    if plain_schema.weight_of(schema) is not None:
        return
    dialect = _dialect(schema)
    try:
        dialect.check_schema(schema)
    except SchemaError as error:
        raise SchemaProblem(error.message[:_MAX_REASON_LENGTH], pointer(error.absolute_path)) from None
    except RecursionError:
        raise SchemaProblem("it is nested too deeply") from None
    for contents, resolver in _subschemas(schema):
        for keyword in ("$ref", "$dynamicRef", "$recursiveRef"):
            reference = contents.get(keyword)
            if isinstance(reference, str):
                _resolve(resolver, reference)


def cost_of(schema: dict[str, Any]) -> Cost:
    """Return what checking against a valid `schema` may cost."""
    plain = plain_schema.weight_of(schema)
    if plain is not None:
        return Cost(plain)
    weight = 0
    for contents, _resolver in _subschemas(schema):
        if not contents.keys() <= _CHEAP_KEYWORDS:
            return Cost(None)
        allowed = contents.get("enum", ())
        weight += (
            1
            + len(contents.get("required", ()))
            + max(len(allowed), len(repr(allowed)) // plain_schema.ENUM_CHARS_A_STEP)
        )
    return Cost(weight)


def make_validator(schema: dict[str, Any]) -> Validator:
    """Return a validator to keep: making one costs far more than using it."""
    return _dialect(schema)(schema, registry=referencing.Registry())


def pointer(path: Any) -> str:
    """Return a path of keys and indices as a JSON pointer."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _dialect(schema: dict[str, Any]) -> type[Validator]:
    name = schema.get("$schema")
    if name is None:
        return Draft202012Validator
    dialect: type[Validator] | None = validator_for(schema, default=None) if isinstance(name, str) else None  # type: ignore[arg-type]
    if dialect is None:
        raise SchemaProblem("$schema names no draft of JSON Schema that is known here", "/$schema")
    return dialect


def _subschemas(schema: dict[str, Any]) -> Iterator[tuple[dict[str, Any], referencing._core.Resolver[Any]]]:
    default = referencing.jsonschema.DRAFT202012
    specification = referencing.jsonschema.specification_with(str(schema.get("$schema", "")), default=default)
    resource = specification.create_resource(schema)
    registry: referencing.Registry[Any] = referencing.Registry()
    # A stack, not recursion: schemas may be nested deeper than Python likes to call.
    pending = [(resource, registry.resolver_with_root(resource))]
    while pending:
        resource, resolver = pending.pop()
        if isinstance(resource.contents, dict):
            yield resource.contents, resolver
            pending.extend((child, resolver.in_subresource(child)) for child in resource.subresources())


def _resolve(resolver: referencing._core.Resolver[Any], reference: str) -> None:
    try:
        resolver.lookup(reference)
    except referencing.exceptions.Unresolvable:
        where = "only the schema itself is looked at, nothing is fetched"
        raise SchemaProblem(f"the reference {reference[:100]!r} leads nowhere: {where}") from None
