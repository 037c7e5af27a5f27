"""One sender's workers, and the places where somebody else may look for what it left."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import harness
import pytest
from places import Place, SidecarProcess, Workers
from sidecar_process import Sidecar

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def first() -> Iterator[harness.ToolRunner]:
    """The runner whose workers the senders run in."""
    runner = harness.ToolRunner(harness.config(max_concurrency=3))
    yield runner
    runner.close()


@pytest.fixture(scope="session")
def places(first: harness.ToolRunner) -> Iterator[dict[str, Place]]:
    """Everywhere else: the same workers as another tool, another sidecar in this process, a sidecar's own process."""
    second = harness.ToolRunner(harness.config())
    with Sidecar() as sidecar:
        yield {
            "the same sidecar": Workers(first, tool_id="another"),
            "another sidecar": Workers(second),
            "another sidecar's process": SidecarProcess(sidecar),
        }
    second.close()


def few() -> list[harness.Found]:
    """The default interpreter, the oldest and the newest that are here."""
    found = harness.supported()
    default = next(one for one in found if one.path == sys.executable)
    return sorted({default, found[0], found[-1]}, key=lambda one: one.version)


@pytest.fixture(scope="session", params=few(), ids=lambda one: one.minor)
def some_interpreter(request: pytest.FixtureRequest) -> harness.Found:
    """One of a few interpreters."""
    found: harness.Found = request.param
    return found


@pytest.fixture(scope="session")
def some_tools(some_interpreter: harness.Found) -> Iterator[harness.ToolRunner]:
    """A runner of that interpreter's workers, one of them standing by."""
    runner = harness.ToolRunner(harness.config(some_interpreter.path, standby_workers=1))
    yield runner
    runner.close()
