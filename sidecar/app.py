"""The one place that constructs and wires: from the environment to a sidecar that serves, and to its orderly end.

Order matters at the start: stdout is claimed before anything can print, and the runner starts its zygote before
pydantic and pygls are imported, so that both get ready at the same time.

Invariant: however it ends, nothing that was started outlives it, and it ends within one second.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

from sidecar import log as logs
from sidecar.config import Config, ConfigError
from sidecar.errors import InvalidParams, SidecarError
from sidecar.metrics import Metrics
from sidecar.server import stdio

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sidecar.server.runner_interface import Runner
    from sidecar.server.session import Session
    from sidecar.tools.validation_pool import ValidationPool

    MakeRunner = Callable[[Config], Runner]

log = logging.getLogger(__name__)

EXIT_OK = 0
EXIT_WITHOUT_SHUTDOWN = 1
EXIT_FAILED = 1
EXIT_BAD_CONFIG = 2

# Shares of the one second after the host's end; a host that still reads has had its last answers before (session.py).
_CLOSE_S = 0.3
_FLUSH_S = 0.1
_GIVE_UP_S = 0.5
_IMPORT_REST_AFTER_S = 0.5
# The loop waits for the interpreter's lock this long at most, not five milliseconds each time that a process answers.
_SWITCH_WHILE_IMPORTING_S = 0.0005
_MAX_INTEGER_DIGITS = 4300


def serve(environ: Mapping[str, str], make_runner: MakeRunner) -> int:
    """Serve the host on stdin and stdout until it ends; return the exit code."""
    fds = stdio.claim()
    if hasattr(sys, "set_int_max_str_digits"):
        # The envelope's reader relies on it, whatever the environment says.
        sys.set_int_max_str_digits(_MAX_INTEGER_DIGITS)
    refusal: SidecarError | None = None
    try:
        config = Config.from_environ(environ)
    except ConfigError as error:
        config = Config()
        refusal = InvalidParams(str(error), kind="invalid_config", variable=error.variable)
    logs.configure(config.log_level)
    if refusal is not None:
        log.error(refusal.message)
    return asyncio.run(_serve(fds, config, refusal, make_runner))


async def _serve(fds: tuple[int, int], config: Config, refusal: SidecarError | None, make_runner: MakeRunner) -> int:
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def end(code: int = EXIT_OK) -> None:
        if not ended.done():
            ended.set_result(code)

    def end_in_order() -> None:
        if session is None or session.is_draining:
            end()  # a second signal does not wait
        else:
            session.drain(config.drain_ms / 1000, end)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end_in_order)
    metrics = Metrics()
    runner = make_runner(config)
    session: Session | None = None
    pool: ValidationPool | None = None
    try:
        if refusal is None:
            runner.start()
        else:
            await runner.close()  # nothing will run, and what was begun ahead is of no use
        # In a thread, so that the loop can go on talking to the zygote.
        usual_s = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_WHILE_IMPORTING_S)
        await asyncio.to_thread(import_server)
        sys.setswitchinterval(usual_s)
        session, pool = assemble(fds, config, metrics, runner, end)
        if refusal is not None:
            session.protocol.refusal = refusal
        session.start()
        gc.freeze()
        gc.enable()
        code = await _first_of(ended, asyncio.ensure_future(_import_the_rest()))
    except Exception as error:
        log.exception("the sidecar could not be started: %s", error)  # noqa: TRY401 - the log leaves tracebacks' text out
        code = EXIT_FAILED
    await _stop(session, pool, runner, code)
    return EXIT_BAD_CONFIG if refusal is not None else code


async def _stop(session: Session | None, pool: ValidationPool | None, runner: Runner, code: int) -> None:
    # The kernel ends zygotes and workers with this process, so even a runner that hangs cannot keep anything alive.
    watchdog = threading.Timer(_GIVE_UP_S, os._exit, (code,))
    watchdog.daemon = True
    watchdog.start()
    cancelled = session.stop() if session is not None else []
    try:
        await asyncio.wait_for(runner.close(), _CLOSE_S)
    except Exception:
        log.exception("the runner did not close in time")
    if pool is not None:
        pool.close()
    if cancelled:
        await asyncio.wait(cancelled, timeout=_FLUSH_S)
    if session is not None:
        await session.close(_FLUSH_S)


async def _import_the_rest() -> int:
    """Import what the first calls need not wait for, when they have had their chance; the exit code where it fails."""
    await asyncio.sleep(_IMPORT_REST_AFTER_S)
    try:
        await asyncio.to_thread(importlib.import_module, "sidecar.tools.arguments")
    except Exception as error:
        log.exception("the sidecar cannot check arguments: %s", error)  # noqa: TRY401 - as above
        return EXIT_FAILED
    return EXIT_OK


async def _first_of(ended: asyncio.Future[int], importing: asyncio.Future[int]) -> int:
    await asyncio.wait((ended, importing), return_when=asyncio.FIRST_COMPLETED)
    if importing.done() and importing.result() != EXIT_OK:
        return importing.result()
    code = await ended
    importing.cancel()
    return code


def import_server() -> None:
    """Import what takes a while and is needed by the first call."""
    for name in ("server.session", "server.handlers", "server.run_call", "tools.registry", "tools.validation_pool"):
        importlib.import_module(f"sidecar.{name}")


def assemble(
    fds: tuple[int, int], config: Config, metrics: Metrics, runner: Runner, end: Callable[[int], None]
) -> tuple[Session, ValidationPool]:
    """Wire one host's session to a runner; nothing is read yet."""
    # Documented above: these are the imports that would delay the zygote's start.
    from sidecar.server.handlers import Handlers
    from sidecar.server.run_call import RunCalls
    from sidecar.server.session import Session
    from sidecar.tools.registry import Registry
    from sidecar.tools.validation_pool import ValidationPool

    session = Session(fds, metrics, max_message_bytes=config.max_message_bytes, on_end=lambda: end(EXIT_OK))
    protocol, server = session.protocol, session.server
    pool = ValidationPool()
    registry = Registry(runner, pool, config.python_path)

    def leave() -> None:
        code = EXIT_WITHOUT_SHUTDOWN if protocol.refusal is None else EXIT_OK
        session.finish(lambda: end(code))

    handlers = Handlers(
        runner=runner,
        registry=registry,
        runs=RunCalls(
            runner=runner,
            registry=registry,
            config=config,
            recorders=(metrics, logs.RunLog()),
            notify=protocol.notify,
            room=session.room,
        ),
        config=config,
        metrics=metrics,
        in_flight=lambda: protocol.in_flight,
        settle=protocol.settle,
        room=session.room,
        leave=leave,
    )
    handlers.add_to(server)
    return session, pool
