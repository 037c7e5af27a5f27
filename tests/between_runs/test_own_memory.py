"""A worker that reads all of its own memory finds nothing of any other call."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import leavers
import process_memory
import pytest
from channels import FOLDER
from harness import PATIENCE_S
from masked import forms, masked, new_text, unmasked
from places import parked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness import Found, ToolRunner

pytest_plugins = ["sides"]

SCAN = (FOLDER / "tools/scan.txt").read_text(encoding="utf-8")
OBJECTS = (FOLDER / "tools/objects.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def text(some_tools: ToolRunner) -> Iterator[str]:
    """A text that calls have brought in, in every way, and that one holds that is still there."""
    text = new_text()
    codes = leavers.leave(some_tools, text)
    assert codes == {kind: leaver.ends for kind, leaver in leavers.LEAVERS.items()}
    with parked(some_tools, leavers.holding(text), {text: text}):
        yield text


def test_the_scanner_finds_what_is_hidden_in_its_own_memory_and_nothing_of_other_calls(
    some_tools: ToolRunner, text: str
) -> None:
    asked = {form: masked(data) for form, data in forms(text).items()}
    # The first worker was forked before the call that is parked, the second after it had begun.
    for _ in range(2):
        reply = some_tools.run(SCAN, {"masked": asked, "own": masked(new_text().encode())}, timeout_ms=20_000).data
        found = {form: [unmasked(after) for after in reply["found"][form]] for form in asked}
        assert reply["missed"] == []
        assert found == {form: [] for form in asked}


def test_the_scanner_reads_every_page_that_the_kernel_says_is_there(some_interpreter: Found) -> None:
    ask = "maps = open('/proc/self/maps').read()\n"
    tell = f"import json\nprint(json.dumps([maps, run({{'masked': {{}}, 'own': {masked(b'own')!r}}})['ranges']]))\n"
    output = subprocess.run(
        [some_interpreter.path, "-I", "-S", "-c", ask + SCAN + tell],
        check=True, capture_output=True, timeout=PATIENCE_S,
    ).stdout  # fmt: skip
    maps, ranges = json.loads(output)
    missed = [line for line in maps.splitlines() if _readable(line) and not _covered(line, ranges)]
    assert missed == []


def test_the_objects_of_a_run_are_its_own(some_tools: ToolRunner, text: str) -> None:
    own = new_text()
    reply = some_tools.run(OBJECTS, {"backwards": text[::-1], "own": own[::-1]}, timeout_ms=20_000).data
    assert {"cache", "module", "attribute", "frame", "bytes"} <= {*reply["own"]}
    assert [one[::-1] for one in reply["found"]] == []


def _readable(line: str) -> bool:
    return line.split()[1].startswith("r") and not line.endswith(process_memory.KERNELS)


def _covered(line: str, ranges: list[list[int]]) -> bool:
    low, high = (int(part, 16) for part in line.split(maxsplit=1)[0].split("-"))
    return sum(max(0, min(high, end) - max(low, start)) for start, end in ranges) >= high - low
