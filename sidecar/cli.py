"""The command line: `serve` (the default) speaks JSON-RPC on stdio, `doctor`, `attack` and `schema` print and end.

Invariant: `serve` prints nothing here; its stdout belongs to the host.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
from typing import TYPE_CHECKING

import sidecar
from sidecar import doctor_table, log
from sidecar.app import EXIT_BAD_CONFIG, serve
from sidecar.config import Config, ConfigError
from sidecar.errors import MachineError
from sidecar.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sidecar.runner.outcome import Check, Isolation


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in `argv` and return the exit code."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if arguments[:1] == ["attack"]:
        # It has options of its own, and a corpus that nobody else need load.
        from sidecar.attacks import command as attack

        return attack.main(arguments[1:], os.environ)
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
    command = parser.parse_args(arguments).command
    if command == "serve":
        return serve(os.environ, Runner)
    return _doctor() if command == "doctor" else _schema()


def _schema() -> int:
    from sidecar.protocol.schema import render

    sys.stdout.write(render())
    return 0


def _doctor() -> int:
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
