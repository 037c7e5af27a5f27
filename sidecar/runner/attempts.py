"""A second worker for what a first one never took up: a process that dies before its call does not fail that call.

Invariant: only what has not run is tried again, so that no call runs twice.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TypeVar

from sidecar.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

_ATTEMPTS = 3


class MissedCall(Exception):
    """The worker died before it had read the call, or lost what can be done again without harm."""


async def until_heard(attempt: Callable[[], Awaitable[T]], *, may_have_run: bool = False) -> T:
    """Return what `attempt` gives, which takes a new worker each time. `InternalError` after too many `MissedCall`s.

    `may_have_run`: whether a tool has run before, as far as the host is concerned.
    """
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(MissedCall):
            return await attempt()
    message = f"{_ATTEMPTS} processes in a row died before they had read what was sent to them; send the call again."
    raise InternalError(message, retryable=True, mayHaveRun=may_have_run)
