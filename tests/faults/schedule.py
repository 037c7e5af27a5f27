"""What is called and what is broken, in which order: a function of the seed and of nothing else."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from calls import KINDS
from injections import FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterator

# One fault in so many calls. A fault disturbs those in flight, and those that were to run in what it has broken.
FAULT_EVERY = 80


@dataclass(frozen=True)
class Step:
    """Start a call of this kind; before it, do this to the sidecar. `chance` decides what the kind leaves open."""

    number: int
    kind: str
    fault: str | None
    chance: float


def schedule(seed: int, count: int) -> Iterator[Step]:
    """Yield the steps."""
    chance = random.Random(seed)
    kinds = [kind.name for kind in KINDS]
    weights = [*accumulate(kind.weight for kind in KINDS)]
    faults = [fault.name for fault in FAULTS]
    fault_weights = [*accumulate(fault.weight for fault in FAULTS)]
    for number in range(count):
        (kind,) = chance.choices(kinds, cum_weights=weights)
        (fault,) = chance.choices(faults, cum_weights=fault_weights)
        is_broken = chance.random() < 1 / FAULT_EVERY
        yield Step(number, kind, fault if is_broken else None, chance.random())
