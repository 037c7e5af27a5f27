"""What `doctor` finds: each promise, tried out by tools in real workers, and the layers that hold it here.

A promise is kept when every attempt was refused by the kernel. That it is kept by one layer only is said, with the way
to a second; a machine that cannot isolate fails the first check, with the fix.
"""

from __future__ import annotations

import fnmatch
import json
from typing import TYPE_CHECKING, Protocol

from sidecar.errors import SidecarError
from sidecar.runner import machine
from sidecar.runner.outcome import CallRequest, Check
from sidecar.runner.promises import BETTER, PROMISES, Promise

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sidecar.config import Config
    from sidecar.runner.outcome import CallRecord, Isolation

_TIMEOUT_MS = 10_000
_SPIN_MS = 300
_TRIED_MEMORY_MB = 32
_REPORT = "do not run untrusted tools here, and report this (SECURITY.md)"

_SPIN = "def run(args):\n    while True: pass\n"
_GROW = "def run(args):\n    kept = []\n    while True: kept.append(bytearray(1 << 20))\n"
_FILL = """\
def run(args):
    for number in range(args['files']):
        with open(str(number), 'wb') as file:
            file.write(bytes(args['bytes']))
    import time
    time.sleep(5)
"""
_LEAVE = """\
import builtins, os
def run(args):
    left = [os.listdir('.'), hasattr(builtins, 'left'), 'LEFT' in os.environ]
    open('left', 'w').close()
    builtins.left = os.environ['LEFT'] = 'left'
    return left
"""
_NOTHING_LEFT = [[], False, False]


class Examined(Protocol):
    """What `examine` needs of the runner."""

    async def run(self, request: CallRequest) -> CallRecord:
        """As `dispatch.Runner.run`."""

    async def isolation(self) -> Isolation:
        """As `dispatch.Runner.isolation`."""


async def examine(runner: Examined, config: Config) -> list[Check]:
    """Every check, in the order in which a reader wants them."""
    try:
        isolation = await runner.isolation()
    except SidecarError as error:
        missing = error.data.get("missing", [])
        hint = "; ".join(dict.fromkeys(str(one["fix"]) for one in missing)) or None
        return [Check("isolation", ok=False, detail=error.message, hint=hint)]
    probing = _Probing(runner, config, isolation.layers)
    return [
        Check("isolation", ok=True, detail=isolation.level, layers=isolation.layers),
        *[await probing.promise(promise) for promise in PROMISES],
        await probing.nothing_between_runs(),
        await probing.time(),
        await probing.memory(),
        await probing.scratch(),
        *_absent(isolation.layers),
    ]


class _Probing:
    def __init__(self, runner: Examined, config: Config, layers: tuple[str, ...]) -> None:
        self._runner = runner
        self._config = config
        self._layers = layers

    async def promise(self, promise: Promise) -> Check:
        """Try every probe of it."""
        allowed = []
        for probe in promise.probes:
            record = await self._run(probe.code)
            answer = str(json.loads(record.result).get("data", record.code))
            if not answer.startswith("refused: "):
                allowed.append(f"{probe.name}: {answer}")
        held_by = _named(self._layers, promise.layers)
        tried = ", ".join(probe.name for probe in promise.probes)
        if allowed or not held_by:
            return Check(promise.name, ok=False, detail="; ".join(allowed) or "no layer holds it", hint=_REPORT)
        return Check(promise.name, ok=True, detail=f"refused: {tried}", layers=held_by)

    async def nothing_between_runs(self) -> Check:
        """Two calls, each of which looks for what the other left."""
        left = [json.loads((await self._run(_LEAVE)).result).get("data") for _ in range(2)]
        ok = left == [_NOTHING_LEFT, _NOTHING_LEFT]
        detail = "nothing left in files, modules or environment" if ok else f"left behind: {left[1]}"
        return self._limit("nothing of another call", ok, detail, ("worker_mount_ns", "worker_pid_ns", "scratch"))

    async def time(self) -> Check:
        """A tool that spins."""
        record = await self._run(_SPIN, timeout_ms=_SPIN_MS)
        return self._limit("bounded time", record.code == "timeout", f"spinning: {record.code}", ("rlimits",))

    async def memory(self) -> Check:
        """A tool that takes more and more."""
        record = await self._run(_GROW, max_memory_mb=_TRIED_MEMORY_MB)
        peak_mb = record.usage.peak_memory_mb
        detail = f"allocating without end at {_TRIED_MEMORY_MB} MB: {record.code}, peak {peak_mb} MB"
        return self._limit("bounded memory", record.code == "memory_limit", detail, ("memory_*", "rlimits"))

    async def scratch(self) -> Check:
        """A tool that fills its directory."""
        limits = self._config.limits
        files, size = 4, limits.scratch_max_bytes // 3
        record = await self._run(_FILL, {"files": files, "bytes": size}, max_memory_mb=limits.max_memory_mb + size)
        error = json.loads(record.result).get("error", {})
        ok = error.get("type") in ("OSError", "ScratchLimitExceeded")
        detail = f"writing {files * size} bytes: {error.get('message', 'allowed')}"
        return self._limit("bounded files", ok, detail, ("scratch*",))

    def _limit(self, name: str, ok: bool, detail: str, layers: tuple[str, ...]) -> Check:  # noqa: FBT001 - internal
        return Check(name, ok=ok, detail=detail, hint=None if ok else _REPORT, layers=_named(self._layers, layers))

    async def _run(
        self, code: str, args: object = None, *, timeout_ms: int = _TIMEOUT_MS, max_memory_mb: int = 0
    ) -> CallRecord:
        return await self._runner.run(
            CallRequest(
                code=code,
                arguments=json.dumps(args or {}).encode(),
                python_path=self._config.python_path,
                timeout_ms=timeout_ms,
                max_memory_mb=max_memory_mb or self._config.limits.max_memory_mb,
                min_isolation=self._config.min_isolation,
            )
        )


def _absent(layers: tuple[str, ...]) -> Iterable[Check]:
    """Layers that would hold a promise better: not a failure, and never silent."""
    for layer, consequence in BETTER:
        if not _named(layers, tuple(layer.split("|"))):
            name = layer.partition("|")[0].rstrip("_*")
            yield Check(f"without {name}", ok=True, detail=consequence, hint=machine.fix(name), missing=(name,))


def _named(layers: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(layer for layer in layers if any(fnmatch.fnmatchcase(layer, pattern) for pattern in wanted))
