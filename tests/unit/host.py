"""A host at the other end of a socket: sends frames to a sidecar in this process and reads its replies."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fake_runner import FakeRunner

from sidecar.app import assemble, import_server
from sidecar.config import Config
from sidecar.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

BOUND_S = 5.0


class Host:
    """One connection. Every wait is bounded by `BOUND_S`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, runner: FakeRunner) -> None:
        self.reader = reader
        self.writer = writer
        self.runner = runner
        self.exit_codes: list[int] = []
        self._ids = itertools.count(1000)

    def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)

    def send_body(self, body: bytes) -> None:
        """Send one frame."""
        self.writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def send(self, method: str, params: Any = None, *, request_id: Any = None) -> Any:
        """Send a request and return its id."""
        request_id = next(self._ids) if request_id is None else request_id
        self.send_body(
            json.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params or {}}).encode()
        )
        return request_id

    def notify(self, method: str, params: Any = None) -> None:
        """Send a notification."""
        self.send_body(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode())

    async def receive(self) -> Any:
        """Return the next message."""
        return json.loads(await self.receive_body())

    async def receive_body(self) -> bytes:
        """Return the next frame's body."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), BOUND_S)
        name, _, length = head.strip().partition(b":")
        assert name == b"Content-Length"
        return await asyncio.wait_for(self.reader.readexactly(int(length)), BOUND_S)

    async def request(self, method: str, params: Any = None, *, request_id: Any = None) -> Any:
        """Send a request and return the next message, which has to be its reply."""
        request_id = self.send(method, params, request_id=request_id)
        reply = await self.receive()
        assert reply["id"] == request_id
        return reply

    async def result(self, method: str, params: Any = None) -> Any:
        """Return the result of a request that succeeds."""
        reply = await self.request(method, params)
        assert "result" in reply, reply
        return reply["result"]

    async def error(self, method: str, params: Any = None) -> Any:
        """Return the error of a request that fails."""
        reply = await self.request(method, params)
        assert "error" in reply, reply
        return reply["error"]


@asynccontextmanager
async def connected(runner: FakeRunner | None = None, config: Config | None = None) -> AsyncIterator[Host]:
    """Yield a host that is connected to a sidecar with a fake runner."""
    import_server()
    ours, theirs = socket.socketpair()
    config = config or Config()
    metrics = Metrics()
    runner = runner or FakeRunner(config)
    reader, writer = await asyncio.open_connection(sock=ours, limit=1 << 26)
    host = Host(reader, writer, runner)
    with theirs:
        fds = (os.dup(theirs.fileno()), os.dup(theirs.fileno()))
    session, pool = assemble(fds, config, metrics, runner, host.exit_codes.append)
    session.start()
    try:
        yield host
    finally:
        cancelled = session.stop()
        if cancelled:
            await asyncio.wait(cancelled, timeout=BOUND_S)
        pool.close()
        await session.close(0.1)
        writer.close()


def with_host(scenario: Callable[[Host], Any], runner: FakeRunner | None = None, config: Config | None = None) -> None:
    """Run `scenario` with a connected host."""

    async def main() -> None:
        async with connected(runner, config) as host:
            await asyncio.wait_for(scenario(host), 4 * BOUND_S)

    asyncio.run(main())


async def hanging(host: Host, calls: int) -> None:
    """Wait until that many calls hang in the runner; a request and its reply let the loop turn."""
    for _ in range(100):
        if len(host.runner.hanging) == calls:
            return
        await host.result("list")
    raise AssertionError("the calls never started")
