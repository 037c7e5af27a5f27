"""Each attack of the corpus, in a real worker, twice in a row: what the first left behind must not help the second."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import corpus
import pytest

if TYPE_CHECKING:
    from harness import ToolRunner

ATTACKS = corpus.attacks()

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the corpus has the call numbers of x86-64")


def test_the_corpus_is_whole() -> None:
    assert len(ATTACKS) >= 180
    assert len({attack.id for attack in ATTACKS}) == len(ATTACKS)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: f"{attack.category}-{attack.id}")
def test_is_refused(attack: corpus.Attack, runner: ToolRunner) -> None:
    for _ in range(2):
        reply = runner.run(attack.code, timeout_ms=20_000)
        assert reply.code == "ok", reply.result
        assert str(reply.data).startswith("refused"), reply.data
