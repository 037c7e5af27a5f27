"""What a run of the corpus found, for a person and for a program.

Invariant: plain text, no control codes, and whoever leaves a layer out is told so before anything else.
"""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from typing import TYPE_CHECKING, get_args

from sidecar.attacks.judgement import Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sidecar.attacks.corpus import Case
    from sidecar.attacks.judgement import Finding
    from sidecar.runner.outcome import Isolation

_VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
_LABEL_CHARS = 10
_WARNING = "what escapes says what these layers hold, nothing about a sidecar that serves, which has them"


def render(findings: Sequence[Finding], isolation: Isolation, without: Collection[str], columns: int) -> str:
    """The whole report, for a screen of so many columns."""
    lines = []
    if without:
        lines += [*_labelled("WARNING", f"left out on request: {', '.join(sorted(without))}; {_WARNING}", columns), ""]
    lines += _labelled("in force", f"{isolation.level}: {', '.join(isolation.layers)}", columns)
    lines += ["", *_table(findings)]
    for verdict in ("escaped", "not applicable"):
        chosen = [found for found in findings if found.verdict == verdict]
        if chosen:
            lines += ["", f"{verdict}:"]
        for found in chosen:
            lines += textwrap.wrap(
                f"{found.case.name} [{' '.join(found.case.layers)}] {_printable(found.detail)}",
                columns, initial_indent="  ", subsequent_indent="      ",
            )  # fmt: skip
    return "\n".join(lines) + "\n"


def as_json(findings: Sequence[Finding], isolation: Isolation, without: Collection[str]) -> str:
    """The same as one JSON object."""
    counts = Counter(found.verdict for found in findings)
    report = {
        "isolation": {"level": isolation.level, "layers": list(isolation.layers)},
        "without": sorted(without),
        "counts": {verdict: counts[verdict] for verdict in _VERDICTS},
        "cases": [{**_described(found.case), "verdict": found.verdict, "detail": found.detail} for found in findings],
    }
    return json.dumps(report, indent=1) + "\n"


def listing(cases: Iterable[Case]) -> str:
    """The cases themselves, one a line: name, layers, what counts as held."""
    rows = [(case.name, " ".join(case.layers), " ".join(case.expects)) for case in cases]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    return "".join(f"{name:<{widths[0]}}  {layers:<{widths[1]}}  {expects}\n" for name, layers, expects in rows)


def _described(case: Case) -> dict[str, object]:
    return {
        "number": case.number,
        "id": case.id,
        "category": case.category,
        "layers": list(case.layers),
        "expects": list(case.expects),
    }


def _table(findings: Sequence[Finding]) -> list[str]:
    rows = Counter((found.case.category, found.verdict) for found in findings)
    categories = list(dict.fromkeys(found.case.category for found in findings))
    width = max(len(name) for name in ("category", *categories))
    table = [f"{'category':<{width}}  " + "  ".join(_VERDICTS)]
    table += [_row(name, width, [rows[name, verdict] for verdict in _VERDICTS]) for name in categories]
    table.append(_row("all", width, [sum(rows[name, verdict] for name in categories) for verdict in _VERDICTS]))
    return table


def _row(name: str, width: int, counts: Iterable[int]) -> str:
    numbers = "  ".join(f"{count:>{len(verdict)}}" for count, verdict in zip(counts, _VERDICTS, strict=True))
    return f"{name:<{width}}  {numbers}"


def _labelled(label: str, text: str, columns: int) -> list[str]:
    return textwrap.wrap(text, columns, initial_indent=f"{label:<{_LABEL_CHARS}}", subsequent_indent=" " * _LABEL_CHARS)


def _printable(text: str) -> str:
    """An attack's own words, which must not reach a terminal as more than words."""
    return "".join(character if character.isprintable() else "?" for character in text)
