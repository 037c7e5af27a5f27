"""Resource limits of a worker. getrlimit(2): soft and hard alike, so that nothing inside can raise them again.

Invariant: the call's own limits (memory, CPU) are in force before its code is read.
"""

import resource
from typing import Tuple

from .policy import Policy

STACK_MAX_BYTES = 8 * 1024 * 1024

_SIGNALS_AND_TIMERS = 256
_NONE_AT_ALL = ("RLIMIT_MSGQUEUE", "RLIMIT_RTPRIO", "RLIMIT_NICE")


def enter_for_zygote(policy: Policy) -> None:
    """Set what is the same for each call; a worker is forked with it."""
    _set(resource.RLIMIT_CORE, 0)
    _set(resource.RLIMIT_FSIZE, policy.scratch_max_bytes)
    _set(resource.RLIMIT_STACK, STACK_MAX_BYTES)
    for name in _NONE_AT_ALL:
        if hasattr(resource, name):
            _set(getattr(resource, name), 0)


class Limits:
    """What the zygote needs more of than a worker, and what counts over all processes of a uid and user namespace."""

    def __init__(self, policy: Policy) -> None:
        """In the zygote, after `enter_for_zygote`: a worker inherits the hard limits of now."""
        self._open_files = _both(resource.RLIMIT_NOFILE, policy.max_open_files)
        self._threads = _both(resource.RLIMIT_NPROC, policy.max_threads)
        self._signals = _both(resource.RLIMIT_SIGPENDING, _SIGNALS_AND_TIMERS)

    def apply(self, *, counted_apart: bool) -> Tuple[str, ...]:
        """In a worker. RLIMIT_NPROC and RLIMIT_SIGPENDING allow something where it is `counted_apart`.

        That is where it has a uid or a user namespace to itself.
        """
        resource.setrlimit(resource.RLIMIT_NOFILE, self._open_files)
        # The zygote may pin memory (see `pinned`).
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
        if counted_apart:
            resource.setrlimit(resource.RLIMIT_NPROC, self._threads)
        # Timers of timer_create(2) would be taken from the host's other processes of this uid.
        resource.setrlimit(resource.RLIMIT_SIGPENDING, self._signals if counted_apart else (0, 0))
        return ("rlimits",)


def limit_call(memory_max_bytes: int, base_bytes: int, cpu_max_s: int) -> None:
    """Set what one call may use: `memory_max_bytes` beyond the `base_bytes` of addresses that it began with."""
    for kind, value in ((resource.RLIMIT_AS, base_bytes + memory_max_bytes), (resource.RLIMIT_CPU, cpu_max_s)):
        try:
            resource.setrlimit(kind, (value, value))
        except ValueError:  # beyond the hard limit that the host has set
            _set(kind, value)


def _set(kind: int, value: int) -> None:
    resource.setrlimit(kind, _both(kind, value))


def _both(kind: int, value: int) -> Tuple[int, int]:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    return value, value
