"""The least that a call can take: `echo` on the product's own session, protocol and parameters, nothing behind it."""

import asyncio
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from sidecar.metrics import Metrics
from sidecar.protocol.messages import RunParams
from sidecar.protocol.methods import METHODS, Method
from sidecar.server import stdio
from sidecar.server.session import Session

_MAX_MESSAGE_BYTES = 64 * 1024 * 1024


async def _echo(params: RunParams) -> bytes:
    return params.args.text.encode()


async def _serve(fds: tuple[int, int]) -> None:
    ended = asyncio.get_running_loop().create_future()
    session = Session(fds, Metrics(), max_message_bytes=_MAX_MESSAGE_BYTES, on_end=lambda: ended.set_result(None))
    METHODS["echo"] = Method(RunParams, None)
    session.server.feature("echo")(partial(_echo))
    session.start()
    await ended


asyncio.run(_serve(stdio.claim()))
