"""No two runs draw the same, from whatever source, though all are forked from one process."""

from __future__ import annotations

import collections
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness import Found, ToolRunner

pytest_plugins = ["sides"]

DRAWS = Path(__file__).with_name("tools").joinpath("draws.txt").read_text(encoding="utf-8")
RUNS = 40
RUNS_OF_OTHERS = 12


@pytest.fixture(scope="module")
def drawn(some_tools: ToolRunner, some_interpreter: Found) -> dict[str, list[str]]:
    """What each source gave in each run."""
    runs = RUNS if some_interpreter.path == sys.executable else RUNS_OF_OTHERS
    values: dict[str, list[Any]] = collections.defaultdict(list)
    for _ in range(runs):
        for source, value in some_tools.run(DRAWS).data.items():
            values[source].append(str(value))
    return values


def test_no_two_runs_draw_the_same(drawn: dict[str, list[str]]) -> None:
    assert len(drawn) >= 14
    assert all(len(values) >= RUNS_OF_OTHERS for values in drawn.values())
    assert [source for source, values in drawn.items() if len(set(values)) < len(values)] == []


def test_uuid1_names_no_machine(drawn: dict[str, list[str]]) -> None:
    host = f"{uuid.getnode():012x}"
    # A node that was drawn says so in the bit that no network card has set (RFC 9562, 6.10).
    assert all(int(node[1], 16) & 1 for node in drawn["node of uuid1"])
    assert host not in drawn["node of uuid1"]


def test_what_is_drawn_in_one_call_differs_from_a_second_sidecars(some_tools: ToolRunner, first: ToolRunner) -> None:
    ours, theirs = some_tools.run(DRAWS).data, first.run(DRAWS).data
    assert [source for source in ours if source in theirs and ours[source] == theirs[source]] == []
