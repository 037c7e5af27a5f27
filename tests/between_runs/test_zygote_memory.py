"""The processes that later workers are forked from hold nothing of any call, read from outside while they live.

What a worker finds in its own memory depends on what it has overwritten by then as well; this does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import leavers
import process_memory
import pytest
from masked import forms, new_text
from places import parked

from sidecar.runner.worker import Worker

if TYPE_CHECKING:
    from harness import ToolRunner

    from sidecar.runner.ended import Ended

pytest_plugins = ["sides"]

# The status that it ends with and the most memory that it used are numbers that a tool can choose.
ENDS = "import os\ndef run(args):\n    kept = bytearray(os.urandom(1024)) * args\n    os._exit(args % 200 + 1)\n"


@pytest.fixture(autouse=True)
def _readable(some_tools: ToolRunner) -> None:
    """Skip where the kernel keeps these processes' memory from us."""
    assert some_tools.run("def run(args): return 1").data == 1
    try:
        process_memory.found(some_tools.processes(), {})
    except PermissionError as error:
        pytest.skip(f"this machine lacks the right to read the memory of one's own processes ({error.strerror})")


def test_no_text_of_a_call_is_in_them(some_tools: ToolRunner) -> None:
    text = new_text()
    leavers.leave(some_tools, text)
    assert process_memory.found(some_tools.processes(), forms(text)) == set()


def test_a_text_that_a_call_holds_is_found_while_it_runs(some_tools: ToolRunner) -> None:
    text = new_text()
    with parked(some_tools, leavers.holding(text), {}):
        assert "one byte" in process_memory.found(some_tools.processes(), forms(text))
    assert process_memory.found(some_tools.processes(), forms(text)) == set()


def test_nothing_of_how_a_call_ended_is_in_them(some_tools: ToolRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[Ended] = []
    end = Worker.end

    async def noted(worker: Worker) -> Ended:
        ends.append(await end(worker))
        return ends[-1]

    monkeypatch.setattr(Worker, "end", noted)
    before = [piece for pid in some_tools.processes() for piece in process_memory.pieces(pid)]
    for mark, size_kb in zip("abc", (104_711, 121_013, 143_517), strict=True):
        # Each a source of its own, or the second would be compiled ahead, in a process that ends, too.
        assert some_tools.run(f"{ENDS}# {mark}\n", size_kb).code == "exited"
    texts = _numbers(ends)
    # What was there by chance before is no trace.
    new = {name: text for name, text in texts.items() if not any(text in piece for piece in before)}
    assert len(new) >= len(ends) == 3
    assert process_memory.found(some_tools.processes(), new) == set()


def _numbers(ends: list[Ended]) -> dict[str, bytes]:
    """How they ended, as text and as Python and C keep a number."""
    peaks = [one.max_rss_kb for one in ends]
    return {
        **{f"peak of {peak} KiB, as text": str(peak).encode() for peak in peaks},
        **{f"peak of {peak} KiB, as a number": peak.to_bytes(4, "little") for peak in peaks},
        **{f"status {one.status}, as text": f'"status": {one.status}'.encode() for one in ends},
    }
