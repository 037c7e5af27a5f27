"""What type hints become: one row for each kind of hint, on every interpreter that knows it."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from sidecar.tools.derived import read

if TYPE_CHECKING:
    from harness import Found, ToolRunner

STRING, INTEGER = {"type": "string"}, {"type": "integer"}
IMPORTS = "import collections.abc, dataclasses, datetime, decimal, enum, typing, uuid\nfrom typing import *\n"


def derived(tools: ToolRunner, code: str) -> Any:
    """The schema, by way of all that a schema goes through."""
    assert tools.compile(code).hinted
    found = tools.derive(code)
    assert not found.problem
    answer = read(found.answer)
    assert not answer.problem
    return answer.schema


# The first version of Python that knows the hint, the hint, and what becomes of it.
HINTS: list[tuple[tuple[int, int], str, Any]] = [
    ((3, 7), "str", STRING),
    ((3, 7), "int", INTEGER),
    ((3, 7), "float", {"type": "number"}),
    ((3, 7), "bool", {"type": "boolean"}),
    ((3, 7), "None", {"type": "null"}),
    ((3, 7), "List[int]", {"type": "array", "items": INTEGER}),
    ((3, 7), "list", {"type": "array"}),
    ((3, 7), "Sequence[str]", {"type": "array", "items": STRING}),
    ((3, 7), "Dict[str, int]", {"type": "object", "additionalProperties": INTEGER}),
    ((3, 7), "Dict[str, Any]", {"type": "object"}),
    ((3, 7), "Tuple[int, ...]", {"type": "array", "items": INTEGER}),
    ((3, 7), "Tuple[int, str]", {"type": "array", "prefixItems": [INTEGER, STRING], "minItems": 2, "maxItems": 2}),
    ((3, 7), "Optional[int]", {"anyOf": [INTEGER, {"type": "null"}]}),
    ((3, 7), "Union[int, str, None]", {"anyOf": [INTEGER, STRING, {"type": "null"}]}),
    ((3, 7), "Union[str, Any]", {}),
    ((3, 7), "datetime.datetime", {"type": "string", "format": "date-time"}),
    ((3, 7), "datetime.date", {"type": "string", "format": "date"}),
    ((3, 7), "uuid.UUID", {"type": "string", "format": "uuid"}),
    ((3, 7), "enum.Enum('Color', {'RED': 'red', 'BLUE': 'blue'})", {"enum": ["red", "blue"]}),
    ((3, 7), "enum.Enum('Odd', {'A': (1, 2)})", {}),
    ((3, 7), "NewType('Name', str)", STRING),
    ((3, 7), "'List[int]'", {"type": "array", "items": INTEGER}),
    *(((3, 7), hint, {}) for hint in ("Any", "object", "bytes", "complex", "decimal.Decimal", "Callable[[], int]")),
    ((3, 7), "TypeVar('T')", {}),
    ((3, 8), "Literal['a', 1, None]", {"enum": ["a", 1, None]}),
    ((3, 9), "list[dict[str, int]]", {
        "type": "array", "items": {"type": "object", "additionalProperties": INTEGER},
    }),
    ((3, 9), "Annotated[int, 5, 'how many']", {**INTEGER, "description": "how many"}),
    ((3, 9), "collections.abc.Mapping[str, int]", {"type": "object", "additionalProperties": INTEGER}),
    ((3, 10), "int | None", {"anyOf": [INTEGER, {"type": "null"}]}),
]  # fmt: skip


def test_a_hint_is_written_as_the_json_of_its_values(tools: ToolRunner, interpreter: Found) -> None:
    known = [(hint, schema) for floor, hint, schema in HINTS if floor <= interpreter.version]
    names = [f"H{number} = {hint}" for number, (hint, _) in enumerate(known)]
    parameters = ", ".join(f"x{number}: H{number}" for number in range(len(known)))
    found = derived(tools, "\n".join([IMPORTS, *names, f"def run(*, {parameters}): pass"]))["properties"]
    assert {hint: found[f"x{number}"] for number, (hint, _) in enumerate(known)} == dict(known)


def test_keyword_parameters_are_required_unless_they_have_a_default(tools: ToolRunner) -> None:
    code = "def run(*, text: str, limit: int = 10, mode: str = None, fill=1j): pass"
    assert derived(tools, code) == {
        "type": "object",
        "properties": {
            "text": STRING,
            "limit": {**INTEGER, "default": 10},
            "mode": {"anyOf": [STRING, {"type": "null"}], "default": None},
            "fill": {},
        },
        "required": ["text"],
        "additionalProperties": False,
    }


def test_a_typed_dict_says_what_is_required(tools: ToolRunner, interpreter: Found) -> None:
    if interpreter.version < (3, 9):
        return  # a TypedDict there does not know what it inherited
    code = """
        from typing import *
        class Base(TypedDict):
            text: str
        class Args(Base, total=False):
            '''What to look for.'''
            limit: int
        def run(args: Args): return args
    """
    assert derived(tools, code) == {
        "type": "object",
        "properties": {"text": STRING, "limit": INTEGER},
        "required": ["text"],
        "description": "What to look for.",
    }


@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"])
def test_what_one_member_says_of_itself_wins(tools: ToolRunner, interpreter: Found, future: str) -> None:
    if interpreter.version < (3, 11):
        return  # Required and NotRequired are newer
    code = future + textwrap.dedent("""
        from typing import *
        class Args(TypedDict):
            text: Required[str]
            limit: NotRequired[Annotated[int, "how many"]]
        def run(args: Args): return args
    """)
    found = derived(tools, code)
    assert found["required"] == ["text"]
    assert found["properties"]["limit"] == {**INTEGER, "description": "how many"}


def test_a_dataclass_is_an_object_of_its_fields(tools: ToolRunner) -> None:
    code = """
        from dataclasses import dataclass, field
        from typing import *
        @dataclass
        class Point:
            x: int
            y: float = 0.5
            tags: List[str] = field(default_factory=list)
            made: int = field(default=0, init=False)
            kind: ClassVar[int] = 1
        def run(args: Point): return args
    """
    assert derived(tools, code) == {
        "type": "object",
        "properties": {
            "x": INTEGER,
            "y": {"type": "number", "default": 0.5},
            "tags": {"type": "array", "items": STRING},
        },
        "required": ["x"],
    }


def test_a_type_that_contains_itself_is_defined_once_and_written_out_at_the_root(tools: ToolRunner) -> None:
    code = """
        from dataclasses import dataclass
        from typing import *
        @dataclass
        class Node:
            name: str
            children: 'List[Node]'
        def run(args: Node): return args
    """
    found = derived(tools, code)
    node = found.pop("$defs")["Node"]
    assert found == node
    assert node["properties"]["children"] == {"type": "array", "items": {"$ref": "#/$defs/Node"}}


def test_types_that_refer_to_ever_more_types_are_given_up(tools: ToolRunner) -> None:
    lines = ["from typing import *", "T0 = str"]
    lines += [f"T{n} = Tuple[T{n - 1}, T{n - 1}]" for n in range(1, 12)]
    found = read(tools.derive("\n".join([*lines, "def run(*, x: T11): pass"])).answer)
    assert found.schema is None
    assert "TooComplex" in found.problem


def test_the_docstring_is_the_description(tools: ToolRunner) -> None:
    code = 'async def run(*, n: int):\n    """Counts.\n\n    To:\n      n.\n    """'
    found = read(tools.derive(code).answer)
    assert found.description == "Counts.\n\nTo:\n  n."
    assert json.loads(found.schema_text) == found.schema


def test_the_hint_of_the_result_is_not_asked(tools: ToolRunner) -> None:
    assert derived(tools, "def run(*, n: int) -> 'Nowhere': return n")["required"] == ["n"]


def test_a_hint_that_names_what_is_not_there_is_a_problem_that_names_it(tools: ToolRunner) -> None:
    found = read(tools.derive("def run(*, n: 'Nowhere'): return n").answer)
    assert "name 'Nowhere' is not defined" in found.problem
