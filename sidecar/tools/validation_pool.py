"""The sidecar's side of the helper processes: a few, started when first needed, killed at a deadline, replaced.

Invariant: `ask` returns or raises within its deadline, whatever the schema and the arguments are, and an answer belongs
to the question: a helper that was interrupted is never used again.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from sidecar.errors import QueueFull
from sidecar.tools.validation_wire import REPLY, REQUEST

_PACKAGE_ROOT = Path(__file__).parents[2]
_MAX_HELPERS = 3
# A helper takes that long to start on a busy machine; the deadline of its first question begins afterwards.
_START_S = 10.0
_RETRY_AFTER_MS = 1000


class CheckTimedOut(Exception):
    """The check did not end within its deadline."""


class CheckFailed(Exception):
    """The check could not be carried out; the text says why, in words for the host."""


class ValidationPool:
    """Hands questions to idle helpers."""

    def __init__(self) -> None:
        self._idle: list[_Helper] = []
        self._all: set[_Helper] = set()
        self._slots = asyncio.Semaphore(_MAX_HELPERS)

    async def ask(self, schema: str, arguments: str, deadline_s: float) -> dict[str, Any]:
        """Return the helper's answer about `arguments`, or about the schema itself when they are empty."""
        try:
            await asyncio.wait_for(self._slots.acquire(), deadline_s)
        except asyncio.TimeoutError:
            raise QueueFull("too many slow argument checks are running", retryAfterMs=_RETRY_AFTER_MS) from None
        try:
            return await self._ask(schema, arguments, deadline_s)
        finally:
            self._slots.release()

    async def _ask(self, schema: str, arguments: str, deadline_s: float) -> dict[str, Any]:
        helper = self._idle.pop() if self._idle else _Helper()
        self._all.add(helper)
        try:
            await helper.start()
            answer = await helper.ask(schema, arguments, deadline_s)
        except BaseException:
            self._all.discard(helper)
            helper.kill()
            raise
        self._idle.append(helper)
        if "failure" in answer:
            raise CheckFailed(answer["failure"])
        return answer

    def close(self) -> None:
        """Kill every helper."""
        for helper in self._all:
            helper.kill()
        self._all.clear()
        self._idle.clear()


class _Helper:
    """One process and the socket to it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._timed_out = False

    async def start(self) -> None:
        """Start the process, unless it runs already, and wait until it answers."""
        if self._process is not None:
            return
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603, ASYNC220 - our own module; returns after the exec
                [sys.executable, "-s", "-m", "sidecar.tools.validation_process", str(os.getpid())],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                cwd="/",
                env={"PYTHONPATH": str(_PACKAGE_ROOT)},
            )
        self._reader, self._writer = await asyncio.open_connection(sock=ours)
        await self.ask("{}", "", _START_S)

    async def ask(self, schema: str, arguments: str, deadline_s: float) -> dict[str, Any]:
        """Return the answer to one question; at the deadline the process is dead."""
        if self._reader is None or self._writer is None:
            raise CheckFailed("the helper process is not running")
        timer = asyncio.get_running_loop().call_later(deadline_s, self._expire)
        try:
            question, facts = schema.encode(), arguments.encode()
            self._writer.writelines((REQUEST.pack(len(question), len(facts)), question, facts))
            await self._writer.drain()
            (length,) = REPLY.unpack(await self._reader.readexactly(REPLY.size))
            answer: dict[str, Any] = json.loads(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, OSError):
            if self._timed_out:
                raise CheckTimedOut from None
            raise CheckFailed("checking the arguments took too much memory") from None
        finally:
            timer.cancel()
        return answer

    def kill(self) -> None:
        """End the process and collect it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()  # nothing delays a SIGKILL here: the helper does no I/O but this socket
        if self._writer is not None:
            self._writer.close()

    def _expire(self) -> None:
        self._timed_out = True
        if self._process is not None:
            self._process.kill()
