"""What `doctor` found, for a person: a line for each promise with the layers that hold it, then what is missing.

Invariant: plain text, nothing cut: what does not fit a line goes on in the next, indented.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sidecar.runner.outcome import Check

_INDENT = " " * 6
_NARROWEST = 60


def render(checks: Sequence[Check], columns: int) -> str:
    """The whole report, `columns` wide."""
    promises = [check for check in checks if not check.missing]
    absent = [check for check in checks if check.missing]
    lines: list[str] = []
    for check in promises:
        mark = "ok" if check.ok else "FAIL"
        lines += [f"{mark:<4}  {check.name}", *_wrapped(check.detail, columns)]
        if check.layers:
            lines += _wrapped(f"held by: {', '.join(check.layers)}", columns)
        if check.hint:
            lines += _wrapped(f"fix: {check.hint}", columns)
    if absent:
        lines += ["", "What this machine could hold better:"]
    for check in absent:
        lines += ["", f"--    {check.name}", *_wrapped(check.detail, columns), *_wrapped(f"fix: {check.hint}", columns)]
    failed = sum(not check.ok for check in checks)
    lines += ["", f"{len(promises)} checks, {failed} failed" if failed else f"{len(promises)} checks, all held"]
    return "\n".join(lines) + "\n"


def _wrapped(text: str, columns: int) -> Iterable[str]:
    return textwrap.wrap(
        text, max(columns, _NARROWEST), initial_indent=_INDENT, subsequent_indent=_INDENT, break_long_words=False
    )
