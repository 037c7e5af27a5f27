"""Resource limits of a worker. getrlimit(2): soft and hard alike, so that nothing inside can raise them again.

Invariant: the call's own limits (memory, CPU) are in force before its code is read.
"""

import resource
from typing import Tuple

from .policy import Policy

STACK_MAX_BYTES = 8 * 1024 * 1024

_SIGNALS_AND_TIMERS = 256
_NONE_AT_ALL = ("RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE", "RLIMIT_RTPRIO", "RLIMIT_NICE")


def enter_for_zygote(policy: Policy) -> None:
    """Set what is the same for each call; a worker is forked with it."""
    _set(resource.RLIMIT_CORE, 0)
    _set(resource.RLIMIT_FSIZE, policy.scratch_max_bytes)
    _set(resource.RLIMIT_STACK, STACK_MAX_BYTES)
    for name in _NONE_AT_ALL:
        if hasattr(resource, name):
            _set(getattr(resource, name), 0)


def apply(policy: Policy, *, counted_apart: bool) -> Tuple[str, ...]:
    """Set what the zygote needs more of, and what counts over all processes of a uid and user namespace.

    RLIMIT_NPROC and RLIMIT_SIGPENDING allow something where `counted_apart` says that this worker has a uid or a user
    namespace to itself.
    """
    _set(resource.RLIMIT_NOFILE, policy.max_open_files)
    if counted_apart:
        _set(resource.RLIMIT_NPROC, policy.max_threads)
    # Timers of timer_create(2) would be taken from the host's other processes of this uid.
    _set(resource.RLIMIT_SIGPENDING, _SIGNALS_AND_TIMERS if counted_apart else 0)
    return ("rlimits",)


def limit_call(memory_max_bytes: int, base_bytes: int, cpu_max_s: int) -> None:
    """Set what one call may use: `memory_max_bytes` beyond the `base_bytes` of addresses that it began with."""
    _set(resource.RLIMIT_AS, base_bytes + memory_max_bytes)
    _set(resource.RLIMIT_CPU, cpu_max_s)


def _set(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))
