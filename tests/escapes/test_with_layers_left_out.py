"""Attacks on jails with layers missing: a promise that two layers hold survives the loss of either, and of both it does
not, so that no case passes by accident."""

from __future__ import annotations

import functools
import os
import shutil
import sys
from typing import TYPE_CHECKING

import pytest
import stand

from sidecar.attacks import corpus
from sidecar.attacks.layers import FIXED, PARTS, exempting, removable, standing, stopping
from sidecar.worker.jail.policy import REMOVABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stand import Stands

    from sidecar.attacks.corpus import Case


@pytest.fixture(scope="module")
def stands() -> Iterator[Stands]:
    with stand.put_up() as found:
        yield found


# What a user without privileges cannot lose, and so cannot be shown to need.
OF_ROOT = frozenset({"identity", "own_uid"})
# The kernel's own word for a call that it was built without; without the filter nobody else says it.
NO_SUCH_CALL = f"refused: {os.strerror(38)}"


def rests_on_a_uid(layer: str, case: Case) -> bool:
    """Whether without that layer all that is left is a uid of its own, which takes an interpreter open to any uid."""
    return {one for one in stopping(case.layers) if PARTS.get(one, one) != layer} == {"own_uid"}


LESS_ONE = [
    pytest.param(layer, case, id=f"{layer}-{case.name}")
    for layer in sorted(REMOVABLE)
    for case in sorted(corpus.cases(), key=functools.partial(rests_on_a_uid, layer))
    if layer in removable(case.layers) and len(stopping(case.layers)) > 1
]


@functools.cache
def open_to_any_uid() -> str:
    """The system's own interpreter, which is no one's home directory's."""
    return shutil.which("python3", path=os.defpath) or sys.executable


@pytest.mark.parametrize(("layer", "case"), LESS_ONE)
def test_without_one_of_its_layers_it_is_held_by_another(stands: Stands, layer: str, case: Case) -> None:
    python_path = open_to_any_uid() if rests_on_a_uid(layer, case) else sys.executable
    chosen = stands.without(frozenset({layer}), python_path)
    if not standing(case.layers, chosen.layers):
        pytest.skip(f"of {', '.join(case.layers)} this machine has {layer} only")
    found = chosen.attack(case)
    if found.verdict == "not applicable":
        pytest.skip(found.detail)
    assert found.verdict == "held", found.detail


def _by_set(case: Case) -> list[str]:
    return sorted(removable(case.layers))


NONE_LEFT = [
    pytest.param(case, id=case.name) for case in sorted(corpus.cases(), key=_by_set) if not exempting(case.layers)
]


@pytest.mark.parametrize("case", NONE_LEFT)
def test_without_any_of_its_layers_it_succeeds(stands: Stands, case: Case) -> None:
    if os.geteuid() != 0 and not OF_ROOT.isdisjoint(case.layers):
        pytest.skip("we are no root, who alone has the privileges that this is about")
    chosen = stands.without(removable(case.layers))
    assert standing(case.layers, chosen.layers) == frozenset()
    found = chosen.attack(case)
    if found.verdict == "not applicable":
        pytest.skip(found.detail)
    if found.detail.startswith(NO_SUCH_CALL) and "seccomp" in case.layers:
        pytest.skip("this kernel was built without the call")
    assert found.is_success, found.detail


@pytest.mark.parametrize("layer", sorted(FIXED))
def test_what_is_not_expected_to_succeed_says_which_layer_cannot_be_left_out(layer: str) -> None:
    exempt = [case.number for case in corpus.cases() if layer in exempting(case.layers)]
    assert exempt, f"no attack names {layer}"
    pytest.skip(f"{layer}: {FIXED[layer]}: {' '.join(exempt)}")


def test_most_attacks_can_be_shown_to_succeed() -> None:
    cases = corpus.cases()
    assert all(removable(case.layers) or exempting(case.layers) for case in cases)
    assert sum(not exempting(case.layers) for case in cases) > 0.6 * len(cases)
