"""Type hints as JSON Schema (2020-12): what JSON a value of that type is written as.

A hint that JSON Schema cannot say, or that is not known here, becomes the schema that takes anything: a derived schema
refuses nothing that the hint allows. The rules are those of PEP 484, 586, 589, 593, 604 and 655. Runs beside the tool's
own code, so nothing here can be relied on; `tools.derived` reads what comes of it.
"""

import collections.abc
import enum
import json
import typing
from typing import Any, Dict, List, Optional

MAX_DESCRIPTION_CHARS = 2000

Schema = Dict[str, Any]

_MAX_HINTS = 1000
_SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
_ARRAYS = (
    list, set, frozenset, collections.abc.Collection, collections.abc.Iterable, collections.abc.Sequence,
    collections.abc.MutableSequence, collections.abc.Set,
)  # fmt: skip
_OBJECTS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_FORMATS = {
    ("datetime", "datetime"): "date-time", ("datetime", "date"): "date", ("datetime", "time"): "time",
    ("uuid", "UUID"): "uuid",
}  # fmt: skip
_QUALIFIERS = {"Required": True, "NotRequired": False}
_JSON_SCALARS = (str, int, float, bool, type(None))


class TooComplex(Exception):
    """More hints than a person writes."""

    def __init__(self) -> None:
        super().__init__("the hints are too many, or a type refers to ever more types")


class Schemas:
    """Makes the schemas of one signature. A type that contains itself is defined once, under `$defs`."""

    def __init__(self) -> None:
        self._definitions: Dict[str, Schema] = {}
        self._names: Dict[Any, str] = {}
        self._open: List[Any] = []
        self._recursive: List[Any] = []
        self._count = 0

    def with_definitions(self, schema: Schema) -> Schema:
        """`schema`, with what it refers to. A type that contains itself is written out at the root too.

        Who reads it may want to see `"type": "object"` there (the Model Context Protocol does).
        """
        root = self._definitions.get(schema.get("$ref", "").rpartition("/")[2], schema)
        return dict(root, **{"$defs": self._definitions}) if self._definitions else schema

    def of(self, hint: Any) -> Schema:
        """The schema of one hint, its strings resolved already."""
        self._count += 1
        if self._count > _MAX_HINTS:
            raise TooComplex
        if _is_known(hint, _SIMPLE):
            return {"type": _SIMPLE[hint]}
        origin = getattr(hint, "__origin__", None)
        if hasattr(hint, "__metadata__"):  # Annotated
            return _described(self.of(origin), hint.__metadata__)
        if isinstance(hint, type) and origin is None:
            return self._of_class(hint)
        if hasattr(hint, "__supertype__"):  # NewType
            return self.of(hint.__supertype__)
        if type(hint).__name__ == "TypeAliasType":  # Python 3.12's `type X = ...`, which may name itself
            return self._named(hint, lambda: self.of(hint.__value__))
        return self._of_generic(hint, origin, getattr(hint, "__args__", None) or ())

    def of_members(
        self, hints: Dict[str, Any], defaults: Dict[str, Any], required: Optional[List[str]] = None
    ) -> Schema:
        """An object with these members; those without a default are required unless `required` says which are."""
        schema: Schema = {"type": "object", "properties": {}}
        for name, hint in hints.items():
            schema["properties"][name] = member = self.of(hint)
            if name in defaults and _is_json(defaults[name]):
                default = defaults[name]
                member = self._or_null(member) if default is None else member
                schema["properties"][name] = dict(member, default=default)
        needed = [name for name in hints if name not in defaults] if required is None else required
        return dict(schema, required=needed) if needed else schema

    def _of_class(self, cls: Any) -> Schema:
        if issubclass(cls, dict) and hasattr(cls, "__total__"):
            return self._named(cls, lambda: self._of_typed_dict(cls))
        if hasattr(cls, "__dataclass_fields__"):
            return self._named(cls, lambda: self._of_dataclass(cls))
        if issubclass(cls, enum.Enum):
            values = [member.value for member in cls]
            return {"enum": values} if values and all(isinstance(one, _JSON_SCALARS) for one in values) else {}
        if (cls.__module__, cls.__name__) in _FORMATS:
            return {"type": "string", "format": _FORMATS[cls.__module__, cls.__name__]}
        return self._of_generic(cls, cls, ())

    def _of_generic(self, hint: Any, origin: Any, arguments: Any) -> Schema:
        if origin is typing.Union or type(hint).__name__ == "UnionType":
            return self._of_union(arguments)
        if origin is not None and origin is getattr(typing, "Literal", None):
            return {"enum": list(arguments)} if all(isinstance(one, _JSON_SCALARS) for one in arguments) else {}
        if getattr(origin, "_name", None) in ("Required", "NotRequired", "ReadOnly", "Final"):
            return self.of(arguments[0])
        if origin is tuple:
            return self._of_tuple(arguments)
        if _is_known(origin, _ARRAYS):
            items = self.of(arguments[0]) if arguments else {}
            return {"type": "array", "items": items} if items else {"type": "array"}
        if _is_known(origin, _OBJECTS):
            values = self.of(arguments[1]) if len(arguments) > 1 else {}
            return {"type": "object", "additionalProperties": values} if values else {"type": "object"}
        return {}

    def _or_null(self, schema: Schema) -> Schema:
        """What is None by default may be null: `x: int = None` means Optional[int], as it long did by PEP 484."""
        if not schema or {"type": "null"} in schema.get("anyOf", ()) or None in schema.get("enum", ()):
            return schema
        description = {"description": schema["description"]} if "description" in schema else {}
        plain = {name: value for name, value in schema.items() if name != "description"}
        return dict({"anyOf": [plain, {"type": "null"}]}, **description)

    def _of_union(self, arguments: Any) -> Schema:
        branches: List[Schema] = []
        for argument in arguments:
            branch = self.of(argument)
            if branch not in branches:
                branches.append(branch)
        if {} in branches:
            return {}
        return branches[0] if len(branches) == 1 else {"anyOf": branches}

    def _of_tuple(self, arguments: Any) -> Schema:
        if len(arguments) == 2 and arguments[1] is Ellipsis:  # noqa: PLR2004 - tuple[X, ...]
            return self._of_generic(list, list, arguments)
        if not arguments:
            return {"type": "array"}
        items = [self.of(argument) for argument in arguments if argument != ()]
        size = {"minItems": len(items), "maxItems": len(items)}
        return dict({"type": "array", "prefixItems": items}, **size) if items else dict({"type": "array"}, **size)

    def _of_typed_dict(self, cls: Any) -> Schema:
        hints = hints_of(cls)
        keys = getattr(cls, "__required_keys__", hints if cls.__total__ else ())  # Python 3.9 and newer
        # What the hint itself says wins: a class in a module with postponed annotations does not know its own.
        required = [name for name in hints if _QUALIFIERS.get(_qualifier(hints[name]), name in keys)]
        return _documented(self.of_members(hints, {}, required), cls)

    def _of_dataclass(self, cls: Any) -> Schema:
        import dataclasses

        hints = hints_of(cls)
        fields = [field for field in dataclasses.fields(cls) if field.init]
        missing = dataclasses.MISSING
        defaults = {field.name: field.default for field in fields if field.default is not missing}
        for field in fields:
            if field.default_factory is not missing:
                defaults[field.name] = missing  # there is one, and it is not JSON
        return _documented(self.of_members({field.name: hints[field.name] for field in fields}, defaults), cls)

    def _named(self, cls: Any, make: Any) -> Schema:
        """The schema that `make` gives, or a reference to it where it is being made already."""
        if cls in self._open:
            if cls not in self._recursive:
                self._recursive.append(cls)
                name = cls.__name__
                self._names[cls] = name if name not in self._names.values() else "%s_%d" % (name, len(self._names))
            return {"$ref": "#/$defs/" + self._names[cls]}
        self._open.append(cls)
        schema: Schema = make()
        self._open.pop()
        if cls not in self._recursive:
            return schema
        self._definitions[self._names[cls]] = schema
        return {"$ref": "#/$defs/" + self._names[cls]}


def hints_of(owner: Any) -> Dict[str, Any]:
    """The annotations of a function or class, strings resolved; NameError for one that names what is not there."""
    extras: Dict[str, Any] = {"include_extras": True} if hasattr(typing, "Annotated") else {}
    return typing.get_type_hints(owner, **extras)


def cleaned(documentation: Any) -> Optional[str]:
    """A docstring without its indentation, cut."""
    if not isinstance(documentation, str) or not documentation.strip():
        return None
    import inspect

    return inspect.cleandoc(documentation)[:MAX_DESCRIPTION_CHARS]


def _described(schema: Schema, metadata: Any) -> Schema:
    texts = [one for one in metadata if isinstance(one, str) and one.strip()]
    return dict(schema, description=texts[0][:MAX_DESCRIPTION_CHARS]) if texts else schema


def _documented(schema: Schema, cls: Any) -> Schema:
    text = cleaned(cls.__doc__)
    is_made = text is None or text.startswith(cls.__name__ + "(")  # dataclasses write one themselves
    return schema if is_made else dict(schema, description=text)


def _qualifier(hint: Any) -> str:
    while hasattr(hint, "__metadata__"):
        hint = hint.__origin__
    return str(getattr(getattr(hint, "__origin__", None), "_name", ""))


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _is_known(hint: Any, known: Any) -> bool:
    try:
        return hint in known
    except TypeError:  # it cannot be hashed
        return False
