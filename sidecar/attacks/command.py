"""`pyrunner-sidecar attack`: the corpus against this machine's own jail, and what came of it as a table.

Invariant: it ends with 1 if anything escaped, with 0 only if everything that could be tried was held.
"""

from __future__ import annotations

import argparse
import asyncio
import fnmatch
import shutil
import sys
from typing import TYPE_CHECKING

from sidecar import log
from sidecar.attacks import corpus, report
from sidecar.attacks.campaign import ROUNDS, Campaign, configured
from sidecar.attacks.layers import LEAVABLE
from sidecar.attacks.stage import Stage
from sidecar.config import Config, ConfigError
from sidecar.errors import SidecarError
from sidecar.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sidecar.attacks.corpus import Case
    from sidecar.attacks.judgement import Finding
    from sidecar.runner.outcome import Isolation

EXIT_HELD, EXIT_ESCAPED, EXIT_USAGE = 0, 1, 2

_NARROWEST = 60


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the command with these arguments; return the exit code."""
    options = _parser().parse_args(argv)
    chosen = [case for case in corpus.cases() if not options.only or any(_fits(case, one) for one in options.only)]
    if not chosen:
        sys.stderr.write(f"no attack is called {' or '.join(options.only)}; see --list\n")
        return EXIT_USAGE
    if options.list:
        sys.stdout.write(report.listing(chosen))
        return EXIT_HELD
    try:
        config = configured(Config.from_environ(environ))
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    log.configure(config.log_level)
    without = frozenset(options.without)
    if not options.json:
        sys.stdout.write(f"{len(chosen)} attacks, {ROUNDS} times each\n\n")
        sys.stdout.flush()
    try:
        findings, isolation = asyncio.run(_attack(config, chosen, without))
    except SidecarError as error:
        sys.stderr.write(f"{error.message}\n")
        return EXIT_ESCAPED
    if options.json:
        sys.stdout.write(report.as_json(findings, isolation, without))
    else:
        columns = max(shutil.get_terminal_size().columns, _NARROWEST)
        sys.stdout.write(report.render(findings, isolation, without, columns))
    return EXIT_ESCAPED if any(found.verdict == "escaped" for found in findings) else EXIT_HELD


async def _attack(config: Config, chosen: Sequence[Case], without: frozenset[str]) -> tuple[list[Finding], Isolation]:
    runner = Runner(config, without)
    try:
        with Stage() as stage:
            campaign = Campaign(runner, config, stage)
            return await campaign.run(chosen), await campaign.isolation()
    finally:
        await runner.close()


def _fits(case: Case, pattern: str) -> bool:
    words = (case.number, case.id, case.category, case.name)
    return any(fnmatch.fnmatchcase(word, pattern) for word in words)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyrunner-sidecar attack",
        description="Run a corpus of attacks in jailed workers of this machine. None of them does harm if it succeeds.",
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="PATTERN",
        help="attacks whose number, id or category fits, as in 'N*' or 'network'; may be given more than once",
    )  # fmt: skip
    parser.add_argument(
        "--without", action="append", default=[], metavar="LAYER", choices=sorted(LEAVABLE),
        help=f"leave a layer out, to see what it holds; may be given more than once: {', '.join(sorted(LEAVABLE))}",
    )  # fmt: skip
    parser.add_argument("--list", action="store_true", help="print the attacks and end")
    parser.add_argument("--json", action="store_true", help="print one JSON object in place of the table")
    return parser
