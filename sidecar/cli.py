"""The command line: `serve` (the default) speaks JSON-RPC on stdio, `doctor`, `attack` and `schema` print and end.

Invariant: `serve` prints nothing here; its stdout belongs to the host.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from typing import TYPE_CHECKING

from sidecar.description import Description, located

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sidecar.config import Config
    from sidecar.runner.outcome import Check, Isolation


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in `argv` and return the exit code."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if arguments[:1] == ["attack"]:
        # It has options of its own, and a corpus that nobody else need load.
        from sidecar.attacks import command as attack

        return attack.main(arguments[1:], os.environ)
    command = arguments[0] if arguments in (["serve"], ["doctor"], ["schema"]) else _parsed(arguments)
    if command == "serve":
        return _serve()
    return _doctor() if command == "doctor" else _schema()


def _parsed(arguments: list[str]) -> str:
    if not arguments:
        return "serve"
    import argparse

    import sidecar

    parser = argparse.ArgumentParser(prog="pyrunner-sidecar", description=sidecar.__doc__)
    parser.add_argument("--version", action="version", version=f"pyrunner-sidecar {sidecar.__version__}")
    parser.add_argument(
        "command",
        nargs="?",
        default="serve",
        choices=("serve", "doctor", "attack", "schema"),
        help="serve JSON-RPC on stdin and stdout (default), check what this machine can isolate, "
        "run a corpus of attacks against it (see `attack --help`), or print the protocol's JSON Schema",
    )
    return str(parser.parse_args(arguments).command)


def _serve() -> int:
    # First of all: the interpreter answers while the rest is imported here.
    begun = _begin(os.environ.get("PYTHON_PATH") or "python3")
    gc.disable()  # until it serves: what is imported stays
    _import_asyncio()
    from sidecar.app import serve
    from sidecar.runner import Runner
    from sidecar.skimming import skim_ok

    return serve(os.environ, lambda config: Runner(config, begun=begun, skim_ok=skim_ok))


def _import_asyncio() -> None:
    """Without TLS, which is a tenth of asyncio's import: a sidecar has no connections."""
    if "ssl" in sys.modules:
        return
    sys.modules["ssl"] = None  # type: ignore[assignment]  # "not there", as the import system has it
    try:
        importlib.import_module("asyncio")
    finally:
        del sys.modules["ssl"]


def _begin(python_path: str) -> Description | None:
    try:
        for descriptor in range(3):
            os.fstat(descriptor)  # where one is closed, a pipe of ours would take its place
        path = located(python_path)
        return None if path is None else Description(path)
    except OSError:
        return None  # whoever asks again reports it


def _schema() -> int:
    from sidecar.protocol.schema import render

    sys.stdout.write(render())
    return 0


def _doctor() -> int:
    import asyncio
    import shutil

    from sidecar import doctor_table, log
    from sidecar.app import EXIT_BAD_CONFIG
    from sidecar.config import Config, ConfigError

    try:
        config = Config.from_environ(os.environ)
    except ConfigError as error:
        sys.stdout.write(f"FAIL  configuration  {error}\n")
        return EXIT_BAD_CONFIG
    log.configure(config.log_level)
    checks, isolation = asyncio.run(_examine(config))
    sys.stdout.write(doctor_table.render(checks, shutil.get_terminal_size().columns))
    return 0 if isolation is not None and all(check.ok for check in checks) else 1


async def _examine(config: Config) -> tuple[list[Check], Isolation | None]:
    from sidecar.errors import MachineError
    from sidecar.runner import Runner

    runner = Runner(config)
    runner.start()
    try:
        checks = await runner.doctor()
        try:
            return checks, await runner.isolation()
        except MachineError:
            return checks, None
    finally:
        await runner.close()
