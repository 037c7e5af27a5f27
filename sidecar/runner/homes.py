"""Where a jail can stand on this machine: the strongest home first, down to the floor that the host has set.

Invariant: a home holds whole, in a worker and not only in its zygote, or it is left for the next, which is another
zygote from the start. Below the floor nothing is tried, and the refusal says of each home what it lacks.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from sidecar.config import LEVELS
from sidecar.errors import SandboxUnavailable
from sidecar.runner.resources import Resources
from sidecar.runner.zygote import START_FAILED, Plan, Zygote

if TYPE_CHECKING:
    from sidecar.config import Config
    from sidecar.runner.interpreter import Interpreter
    from sidecar.runner.worker import Worker

log = logging.getLogger(__name__)

JAILED_TIMEOUT_S = 5.0

_STRICT, _PROCESS = LEVELS
_NAMESPACES = "namespaces"
# By the names of worker/jail/policy.py.
_HOMES = ((_NAMESPACES, _STRICT), ("landlock", _STRICT), ("process", _PROCESS))


async def settle(
    interpreter: Interpreter,
    config: Config,
    floor: str,
    without: frozenset[str],
    imports: tuple[str, ...] = (),
) -> tuple[Zygote, Worker | None]:
    """A zygote in the first home that holds, and the worker that proved it. `SandboxUnavailable` if there is none.

    No worker where the zygote died of it. `without` leaves layers out, to prove what the others hold: it can be asked
    for by tests and `attack`, never by a host.
    """
    missing: list[dict[str, str]] = []
    for plan in _plans(floor, without):
        try:
            zygote, worker = await _try(interpreter, config, plan._replace(imports=imports))
        except SandboxUnavailable as refusal:
            missing += [dict(one, home=plan.home) for one in refusal.data["missing"]]
            if any(one["layer"] == START_FAILED for one in missing):
                break  # nothing was refused: something is broken
            continue
        for one in missing:
            log.warning("%s: %s: %s; tools run in the home %s", one["home"], one["layer"], one["reason"], plan.home)
        return zygote, worker
    reasons = "; ".join(f"{one['layer']}: {one['reason']}" for one in missing)
    raise SandboxUnavailable(f"This machine cannot isolate a tool: {reasons}.", missing=missing)


def _plans(floor: str, without: frozenset[str]) -> list[Plan]:
    if without:
        # One jail, the one that was asked for, and with a layer left out it is worth no more than a process.
        home = next(name for name, _ in _HOMES if name not in without)
        return [Plan(home, _PROCESS, without - {_NAMESPACES})]
    return [Plan(home, level) for home, level in _HOMES if LEVELS.index(level) <= LEVELS.index(floor)]


async def _try(interpreter: Interpreter, config: Config, plan: Plan) -> tuple[Zygote, Worker | None]:
    resources = Resources(config, own_tree=plan.home == _NAMESPACES)
    try:
        zygote = await Zygote.start(interpreter, config.limits, resources, plan)
    except BaseException:
        resources.close()  # where it did not come to be a zygote's
        raise
    # Off the path: what a killed sidecar has left may be much.
    asyncio.get_running_loop().run_in_executor(None, resources.sweep)
    worker: Worker | None = None
    try:
        worker = await zygote.spawn()
        if await worker.jailed(JAILED_TIMEOUT_S):
            return zygote, worker
    except ConnectionError:
        pass
    except BaseException:
        if worker is not None:
            worker.discard()
        zygote.kill()
        raise
    if worker is not None:
        worker.discard()
    return zygote, None
