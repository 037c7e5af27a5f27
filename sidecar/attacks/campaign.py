"""A whole corpus, run against a runner: the same for the tests and for whoever tries out a machine.

Invariant: a case is not run where it could do harm, which is where its layers are all out of force and it says "never".
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import platform
from typing import TYPE_CHECKING, Any

from sidecar.attacks.judgement import Finding, judge
from sidecar.attacks.layers import HOME, NEVER, is_first_home, standing
from sidecar.attacks.stage import EARLIER_CALL
from sidecar.config import Limits
from sidecar.runner.outcome import CallRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sidecar.attacks.corpus import Case
    from sidecar.attacks.stage import Stage
    from sidecar.config import Config
    from sidecar.runner import Runner
    from sidecar.runner.outcome import Isolation

_MIB = 1024 * 1024
_AT_ONCE = 8
# Small, so that a limit is met soon: what is tried is that it holds, not how large it is.
LIMITS = Limits(
    max_memory_mb=64,
    stdout_max_bytes=64 * 1024,
    stderr_max_bytes=64 * 1024,
    result_max_bytes=_MIB,
    scratch_max_bytes=32 * _MIB,
    scratch_max_inodes=1024,
    discard_max_bytes=4 * _MIB,
)
# The second time, what the first has left behind must not help.
ROUNDS = 2
MACHINE_WITH_NUMBERS = "x86_64"


class Campaign:
    """Attacks on the workers of one runner."""

    def __init__(self, runner: Runner, config: Config, stage: Stage) -> None:
        """`config` is the runner's own, made by `configured`."""
        self._runner = runner
        self._config = config
        self._stage = stage
        self._slots = asyncio.Semaphore(config.max_concurrency)

    async def run(self, cases: Sequence[Case]) -> list[Finding]:
        """Each case twice; the worse of its findings."""
        reported = (await self._runner.isolation()).layers
        worst: dict[str, Finding] = {}
        for _ in range(ROUNDS):
            await self.earlier_call()
            for found in await asyncio.gather(*(self.attack(case, reported) for case in cases)):
                if found.verdict == "escaped" or found.case.number not in worst:
                    worst[found.case.number] = found
        return list(worst.values())

    async def isolation(self) -> Isolation:
        """What is in force around what is attacked here."""
        return await self._runner.isolation()

    async def attack(self, case: Case, reported: Sequence[str]) -> Finding:
        """One case, once, in a worker that reported these layers."""
        reason = why_not(case, reported)
        if reason:
            return Finding(case, "not applicable", reason)
        async with self._slots:
            record = await self._runner.run(self._request(case.code, self._stage.args(), case.timeout_ms))
        # An integer may have any number of digits; nobody counts with it here.
        result = json.loads(record.result, parse_int=str)
        return judge(case, result, truncated=record.stdout_truncated or record.stderr_truncated)

    async def earlier_call(self) -> None:
        """The call before the attacks, whose secret some of them look for."""
        secret = self._stage.secret
        await self._runner.run(self._request(EARLIER_CALL.format(secret=secret), {"secret": secret}, 10_000))

    def _request(self, code: str, args: dict[str, Any], timeout_ms: int) -> CallRequest:
        return CallRequest(
            code=code,
            arguments=json.dumps(args).encode(),
            python_path=self._config.python_path,
            timeout_ms=timeout_ms,
            max_memory_mb=self._config.limits.max_memory_mb,
            min_isolation=self._config.min_isolation,
        )


def configured(config: Config) -> Config:
    """The same with the limits of a campaign, and with no more at once than a small machine bears."""
    return dataclasses.replace(config, limits=LIMITS, max_concurrency=min(config.max_concurrency, _AT_ONCE))


def why_not(case: Case, reported: Sequence[str]) -> str:
    """Why this case is not run in a worker with these layers in force; "" where it is."""
    if case.by_number and platform.machine() != MACHINE_WITH_NUMBERS:
        return f"its system calls have the numbers of {MACHINE_WITH_NUMBERS}"
    if HOME in case.layers and not is_first_home(reported):
        return "not promised without namespaces"
    if NEVER in case.layers and not standing(case.layers, reported):
        return f"nothing would stop it: {case.note}"
    return ""
