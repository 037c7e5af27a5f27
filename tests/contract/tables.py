"""The contract's tables of data, which the TypeScript tests read too: see the JSON files beside this one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

Row = dict[str, Any]

# A text, or `{"first": …, "repeat": …, "times": n, "then": …}`, where each part is such a text itself.
Text = str | Row


def table(file: str, name: str) -> Any:
    """Return a table."""
    return json.loads((Path(__file__).parent / file).read_text(encoding="utf-8"))[name]


def rows(file: str, name: str) -> list[Row]:
    """Return the rows of a table that is a list."""
    found: list[Row] = table(file, name)
    return found


def each(file: str, name: str, *columns: str) -> pytest.MarkDecorator:
    """Run a test once for each row, which it takes as `row`; `columns` name the row."""
    found = rows(file, name)
    ids = [" ".join(str(row[column]) for column in columns) for row in found]
    return pytest.mark.parametrize("row", found, ids=[f"{index} {words}" for index, words in enumerate(ids)])


def text(value: Text) -> str:
    """Return a text, written out."""
    if isinstance(value, str):
        return value
    return text(value.get("first", "")) + text(value["repeat"]) * int(value["times"]) + text(value.get("then", ""))
