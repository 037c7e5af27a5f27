"""Waiting with a bound, the same on every Python.

`asyncio.wait_for` swallows a cancellation that comes together with the result (until 3.12) and raises a TimeoutError
that is not the built-in one (3.10). A swallowed cancellation is a tool that runs on after its host has given it up.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")


async def within(timeout_s: float, awaitable: Awaitable[T]) -> T:
    """Return what `awaitable` gives, or raise TimeoutError; it is cancelled with its caller."""
    task = asyncio.ensure_future(awaitable)
    try:
        await asyncio.wait({task}, timeout=timeout_s)
        if task.done():
            return task.result()
        raise TimeoutError
    finally:
        task.cancel()


async def uncancelled(awaitable: Awaitable[Any]) -> list[asyncio.CancelledError]:
    """Wait for it whatever happens to the caller: the cancellations that came meanwhile, for when all is done.

    What `awaitable` raises is raised.
    """
    waiting = asyncio.ensure_future(awaitable)
    came: list[asyncio.CancelledError] = []
    while not waiting.done():
        try:
            await asyncio.shield(waiting)
        except asyncio.CancelledError as error:
            came.append(error)
    waiting.result()
    return came


def pid_of(pidfd: int) -> int | None:
    """Its number among our own processes (pidfd_open(2)); None where it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text(encoding="ascii").splitlines():
            if line.startswith("Pid:"):
                return int(line.split()[1]) if int(line.split()[1]) > 0 else None
    return None


def block_until_dead(pidfd: int, timeout_s: float) -> bool:
    """Block until the kernel says that this process is dead (pidfd_open(2)), `timeout_s` at most; whether it is."""
    poll = select.poll()  # select(2) knows no descriptor above 1023
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(timeout_s * 1000))
