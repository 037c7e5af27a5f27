"""CPython's own tests of the standard library give the same passes inside as outside, but for what is known to differ.

By default the newest interpreter runs every module that is not slow, and the others what tools use most (`modules.py`).
With PYRUNNER_COMPATIBILITY=full each runs every module, which takes some forty minutes.

The list is that of a worker with a tree of its own; where there can be none, more differs (docs/limits.md, "Without
namespaces"), and nothing is compared.
"""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import differences
import modules
import pytest
from comparison import TIMEOUT_S, Compared, compare
from harness import Found, ToolRunner, config
from outcomes import PASS

if TYPE_CHECKING:
    from collections.abc import Iterator

KNOWN = differences.read()
FULL = os.environ.get("PYRUNNER_COMPATIBILITY") == "full"
LIMITS = Path(__file__).parents[2] / "docs" / "limits.md"


def cases() -> list[tuple[Found, str]]:
    """Each interpreter that has its tests with it, and the modules that it is to compare."""
    having = [found for found in modules.interpreters() if modules.of(found, (modules.EVERY,))]
    newest: tuple[str, ...] = (modules.EVERY, modules.NEWEST)
    sections = {found: newest if found == having[-1] else (modules.EVERY,) for found in having}
    if FULL:
        sections = dict.fromkeys(having, (*newest, modules.ON_REQUEST))
    return [(found, module) for found in having for module in modules.of(found, sections[found])]


CASES = cases()


@pytest.fixture(scope="module", autouse=True)
def interrupts_reach_both_sides() -> Iterator[None]:
    """Where this suite runs in the background, SIGINT is ignored, and would be in every process that it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Runners:
    """A runner for the interpreter that is asked for, one at a time: the standby workers of six would cost memory."""

    def __init__(self) -> None:
        self._found: Found | None = None
        self._tools: ToolRunner | None = None

    def of(self, found: Found) -> ToolRunner:
        if self._tools is None or found != self._found:
            self.close()
            self._found, self._tools = found, ToolRunner(config(found.path))
        if "pivot_root" not in self._tools.run("def run(args): pass").isolation.layers:
            pytest.skip("no tree of its own for a worker here")
        return self._tools

    def close(self) -> None:
        if self._tools is not None:
            self._tools.close()
            self._tools = None


@pytest.fixture(scope="module")
def runners() -> Iterator[Runners]:
    made = Runners()
    yield made
    made.close()


@pytest.fixture(scope="module")
def compared_so_far() -> list[Compared]:
    return []


@pytest.mark.timeout(3 * TIMEOUT_S)
@pytest.mark.parametrize(("found", "module"), CASES, ids=[f"{found.minor}-{module}" for found, module in CASES])
def test_what_passes_outside_passes_inside(
    runners: Runners, compared_so_far: list[Compared], found: Found, module: str
) -> None:
    first = compare(runners.of(found), found, module, KNOWN)
    compared_so_far.append(first)
    unexplained = first.unexplained(KNOWN)
    if unexplained:
        # Some fail now and then on a busy machine: a difference is what differs twice.
        again = compare(runners.of(found), found, module, KNOWN).unexplained(KNOWN)
        unexplained = {test: why for test, why in unexplained.items() if test in again}
    assert unexplained == {}


@pytest.mark.parametrize("found", modules.interpreters(), ids=lambda found: found.minor)
def test_an_interpreter_has_its_tests_with_it(found: Found) -> None:
    if not modules.of(found, (modules.EVERY,)):
        pytest.skip(f"{found.path} has no `test` package, which distributions ship apart: nothing to compare")


def test_what_is_known_to_differ_still_does(compared_so_far: list[Compared]) -> None:
    if len(compared_so_far) < len(CASES):
        pytest.skip("only some of the modules have been compared")
    stale = []
    for known in KNOWN:
        passed, differs = False, False
        for compared in compared_so_far:
            if known.endless or (known.module == "*" and not FULL):
                continue  # nothing can be said of what does not run, and not much of what any module may say
            if not known.concerns(compared.module, compared.found.version):
                continue
            passed |= any(known.names(test) and how == PASS for test, (how, _) in compared.outside.items())
            differs |= any(known.names(test) and known.explains(why) for test, why in compared.worse().items())
        # Where none of its tests passes outside either, this machine cannot tell.
        if passed and not differs:
            stale.append(known.line)
    assert stale == []


def test_each_reason_is_one_that_the_limits_give() -> None:
    section = LIMITS.read_text("utf-8").partition("\n## CPython's own tests")[2].partition("\n## ")[0]
    assert set(re.findall(r"^- \*\*(.+?)\.\*\*", section, re.MULTILINE)) == {known.reason for known in KNOWN}
