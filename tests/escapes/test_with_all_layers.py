"""Each attack in a jail that is whole, twice in a row: what the first run left behind must not help the second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import stand

from sidecar.attacks import corpus
from sidecar.attacks.campaign import ROUNDS
from sidecar.attacks.layers import exempting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stand import Stands

    from sidecar.attacks.corpus import Case


@pytest.fixture(scope="module")
def stands() -> Iterator[Stands]:
    with stand.put_up() as found:
        yield found


HOMES = {"namespaces": frozenset[str](), "landlock": frozenset({"namespaces"})}
CASES = [
    pytest.param(without, case, id=f"{home}-{case.name}")
    for home, without in HOMES.items()
    for case in corpus.cases()
    if home == "namespaces" or "home" not in case.layers
]


def rounds(without: frozenset[str], case: Case) -> int:
    """A call that is killed in its loop leaves nothing; in the second home, nor does one that a layer refuses."""
    once = case.expects == ("timeout",) or (without and not exempting(case.layers))
    return 1 if once else ROUNDS


@pytest.mark.parametrize(("without", "case"), CASES)
def test_it_is_held(stands: Stands, without: frozenset[str], case: Case) -> None:
    for _ in range(rounds(without, case)):
        found = stands.without(without).attack(case)
        if found.verdict == "not applicable":
            pytest.skip(found.detail)
        assert found.verdict == "held", found.detail


def test_what_the_second_home_does_not_promise_is_not_tried_there(stands: Stands) -> None:
    chosen = stands.without(HOMES["landlock"])
    cases = [case for case in corpus.cases() if "home" in case.layers]
    assert cases
    for case in cases:
        assert chosen.attack(case).verdict == "not applicable"
