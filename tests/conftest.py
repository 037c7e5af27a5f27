"""The fixtures that the tests of the worker and the runner share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import harness
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sidecar.config import Limits


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that takes `tools` with every interpreter that is here; those that are not are not collected."""
    if "interpreter" in metafunc.fixturenames:
        found = harness.supported()
        metafunc.parametrize("interpreter", found, ids=[one.minor for one in found], indirect=True, scope="session")


@pytest.fixture(scope="session")
def interpreter(request: pytest.FixtureRequest) -> harness.Found:
    """The interpreter that a test of the worker runs its tools with."""
    found: harness.Found = request.param
    return found


@pytest.fixture(scope="session")
def tools(interpreter: harness.Found) -> Iterator[harness.ToolRunner]:
    """A runner of that interpreter's workers."""
    runner = harness.ToolRunner(harness.config(interpreter.path))
    yield runner
    runner.close()


_WATCHED = [one for one in harness.supported() if one.version >= (3, 8)]


@pytest.fixture(scope="session", params=_WATCHED, ids=[one.minor for one in _WATCHED])
def watched(request: pytest.FixtureRequest) -> Iterator[harness.ToolRunner]:
    """A runner for each interpreter that can tell what was refused: 3.7 has no audit hooks."""
    runner = harness.ToolRunner(harness.config(request.param.path))
    yield runner
    runner.close()


@pytest.fixture(scope="session")
def runner() -> Iterator[harness.ToolRunner]:
    """A runner of the default interpreter's workers, with the default limits."""
    runner = harness.ToolRunner(harness.config())
    yield runner
    runner.close()


@pytest.fixture(scope="module")
def runner_with() -> Iterator[Callable[[Limits], harness.ToolRunner]]:
    """Make a runner with limits of its own; one for each different set in a module."""
    made: dict[Limits, harness.ToolRunner] = {}

    def make(limits: Limits) -> harness.ToolRunner:
        if limits not in made:
            made[limits] = harness.ToolRunner(harness.config(limits=limits))
        return made[limits]

    yield make
    for runner in made.values():
        runner.close()


@pytest.fixture
def lone() -> Iterator[harness.ToolRunner]:
    """A runner of one call at a time, one in the queue, and no standby: each worker belongs to a call."""
    runner = harness.ToolRunner(harness.config(max_concurrency=1, max_queue=1, standby_workers=0))
    assert runner.run("def run(args): return 1").data == 1
    yield runner
    runner.close()
