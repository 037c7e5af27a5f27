"""Attacks on limits that cannot be left out, run where the limits are too large to be met: then they must succeed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import harness
import pytest
from stand import Stand

from sidecar.attacks import corpus
from sidecar.attacks.campaign import LIMITS, configured
from sidecar.attacks.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sidecar.attacks.corpus import Case

FAR = 1 << 30
LIMITED = frozenset({"truncated", "output_limit", "result_too_large"})
CASES = [
    case for case in corpus.cases() if case.category in ("output", "disk") and not LIMITED.isdisjoint(case.expects)
]


@pytest.fixture(scope="module")
def unlimited() -> Iterator[Stand]:
    limits = dataclasses.replace(
        LIMITS, max_memory_mb=512, stdout_max_bytes=FAR, stderr_max_bytes=FAR, result_max_bytes=FAR // 2,
        scratch_max_bytes=FAR, scratch_max_inodes=FAR // 1024, discard_max_bytes=FAR,
    )  # fmt: skip
    with Stage() as stage:
        stand = Stand(stage, config=dataclasses.replace(configured(harness.config()), limits=limits))
        yield stand
        stand.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_succeeds(unlimited: Stand, case: Case) -> None:
    found = unlimited.attack(case)
    if found.verdict == "not applicable":
        pytest.skip(found.detail)
    assert found.verdict == "escaped", found.detail
