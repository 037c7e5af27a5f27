"""Code that is compiled for later calls, off their path: what it may take, and who has a part in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import harness
import pytest

from sidecar.runner import examination

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness import ToolRunner

    from sidecar.runner.worker import Worker

BUDGET_MB = 200
# Compiling it takes 500 MiB.
LARGE = "def run(args): return len(args)\n" + "a;" * 500_000


@pytest.fixture
def frugal() -> Iterator[ToolRunner]:
    runner = harness.ToolRunner(harness.config(max_concurrency=1, standby_workers=1, memory_budget_mb=BUDGET_MB))
    yield runner
    runner.close()


def test_it_gets_no_more_memory_than_its_call_and_takes_it_from_the_budget(
    frugal: ToolRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []
    real = examination.compile_code

    async def watched(worker: Worker, code: str, tool_id: str | None, max_memory_mb: int) -> bytes:
        seen.append((max_memory_mb, frugal.runner.gauges()["memoryMB"]))
        return await real(worker, code, tool_id, max_memory_mb)

    monkeypatch.setattr(examination, "compile_code", watched)
    for _ in range(2):
        assert frugal.run(LARGE, max_memory_mb=64, timeout_ms=20_000).error["code"] == "memory_limit"
    frugal.processes()  # when nothing is compiled any more
    ((max_memory_mb, taken_mb),) = seen
    assert max_memory_mb == 64
    assert taken_mb in (64, 128)  # beside the call, where that still runs
    assert frugal.runner.gauges()["memoryMB"] == 0
    assert frugal.run("def run(args): return 1", max_memory_mb=BUDGET_MB).data == 1


def test_a_registration_is_checked_within_the_budget(frugal: ToolRunner) -> None:
    (finding,) = frugal.check(LARGE)
    assert finding.severity == "error"
    assert frugal.check("def run(args): return 1") == ()
