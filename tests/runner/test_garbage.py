"""A call that has ended is gone: no cycle of references keeps its arguments and its result for the collector."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import harness
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def tools() -> Iterator[harness.ToolRunner]:
    runner = harness.ToolRunner(harness.config())
    yield runner
    runner.close()


CALLS = {
    "returns": "def run(args):\n    print('x')\n    return args\n",
    "raises": "def run(args):\n    raise ValueError\n",
    "is stopped at its deadline": "while True: pass\n",
    "crashes": "import os\ndef run(args): os.abort()\n",
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_leaves_nothing_to_the_collector(tools: harness.ToolRunner, name: str) -> None:
    def call() -> None:
        tools.run(CALLS[name], ["x" * 1000], timeout_ms=300, on_output=lambda *_: None)

    call()
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            call()
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = {type(one).__name__ for one in gc.garbage}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert left & {"Call", "CallRequest", "CallRecord", "Conversation", "Worker", "Channel", "OutputStream"} == set()
