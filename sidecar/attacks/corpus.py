"""The corpus of attacks: text files, one for each category, each case a tool that says what became of its attempt.

A case begins with a heading, then come its fields, then the code, which defines `run(args)` and returns text:

    === N001 connect-to-the-host [net_ns landlock_abi4 seccomp] (system calls)
    expects: refused
    timeout_ms: 10000
    note: what a reader should know
    def run(args): ...

- The number is unique and stays: a letter for the file, three digits. A case that is taken away leaves a gap.
- In brackets stand the layers that stop it; `layers` says which there are. Where several are named, the case holds
  without any one of them. Without all of them it must succeed, so that no case passes by accident; one that names a
  layer that cannot be left out is exempt from that. `home` says that it holds in namespaces only: the second home does
  not promise it (docs/limits.md).
- In parentheses stand the files to put before the code (`system_calls.py` for "(system calls)"); `attempts.py` stands
  before every case.
- `expects`: the outcomes that count as held. `refused`, the default, is a result that begins with that word;
  `truncated` is such a result whose output was cut; any other is the code of an error, as in protocol.md.
  A result that begins with "escaped" never counts as held. One that begins with "absent" says that this machine lacks
  what the attack is aimed at.

What `args` holds is in `stage`. Numbers of system calls are those of x86-64.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sidecar.attacks.layers import NAMES, NEVER

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent / "cases"
TIMEOUT_MS = 10_000

_BEGINNING = "=== "
_HEADING = re.compile(
    r"=== (?P<number>[A-Z][0-9]{3}) (?P<id>[a-z0-9]+(-[a-z0-9]+)*) \[(?P<layers>[a-z0-9_]+( [a-z0-9_]+)*)\]"
    r"(?P<marks>( \([a-z ]+\))*)"
)
_FIELD = re.compile(r"(?P<name>expects|timeout_ms|note): (?P<value>\S.*)")
_ALWAYS_BEFORE = "attempts"
_OUTCOME = re.compile(r"[a-z_]+")


class MalformedCase(ValueError):
    """A case that cannot be read; the message names the file and the line."""


@dataclass(frozen=True)
class Case:
    """One attack: `code` is a whole tool, `layers` what stops it, `expects` what counts as held."""

    number: str
    id: str
    category: str
    layers: tuple[str, ...]
    code: str
    expects: tuple[str, ...] = ("refused",)
    timeout_ms: int = TIMEOUT_MS
    note: str = ""
    by_number: bool = False  # it makes system calls by the numbers of one machine

    @property
    def name(self) -> str:
        """As it is printed and asked for."""
        return f"{self.number}-{self.category}-{self.id}"


@functools.cache
def cases() -> tuple[Case, ...]:
    """Every case of the corpus, in the order of the files. `MalformedCase`."""
    return parse({path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.txt"))}, _preludes())


def parse(texts: dict[str, str], preludes: dict[str, str]) -> tuple[Case, ...]:
    """The cases in `texts`, by category; `preludes` are what can stand before a case's code. `MalformedCase`."""
    found: list[Case] = []
    letters: dict[str, str] = {}
    for category, text in texts.items():
        for line, heading, body in _sections(category, text):
            where = f"{category}.txt, line {line}"
            case = _case(where, category, heading, body, preludes)
            if letters.setdefault(case.number[0], category) != category:
                raise MalformedCase(f"{where}: {case.number}: the letter belongs to {letters[case.number[0]]}")
            found.append(case)
        if len({case.number[0] for case in found if case.category == category}) > 1:
            raise MalformedCase(f"{category}.txt: more than one letter")
    for name, values in (("number", [case.number for case in found]), ("id", [case.id for case in found])):
        twice = {value for value in values if values.count(value) > 1}
        if twice:
            raise MalformedCase(f"{name} used twice: {', '.join(sorted(twice))}")
    return tuple(found)


def _preludes() -> dict[str, str]:
    return {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.py")}


def _sections(category: str, text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Each case's first line number, heading and the lines that follow it."""
    lines = text.splitlines()
    starts = [at for at, line in enumerate(lines) if line.startswith("===")]
    if not starts or any(line.strip() for line in lines[: starts[0]]):
        raise MalformedCase(f"{category}.txt, line 1: not the heading of a case")
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield start + 1, lines[start], lines[start + 1 : end]


def _case(where: str, category: str, heading: str, body: list[str], preludes: dict[str, str]) -> Case:
    match = _HEADING.fullmatch(heading)
    if match is None:
        raise MalformedCase(f"{where}: not a heading `=== X000 an-id [layers] (marks)`: {heading!r}")
    layers = tuple(match["layers"].split())
    unknown = sorted(set(layers) - NAMES)
    if unknown or len(set(layers)) != len(layers):
        raise MalformedCase(f"{where}: no such layer, or one named twice: {' '.join(unknown or layers)}")
    marks = [mark.replace(" ", "_") for mark in re.findall(r"\(([a-z ]+)\)", match["marks"])]
    missing = sorted(set(marks) - set(preludes))
    if missing:
        raise MalformedCase(f"{where}: nothing is called {', '.join(missing)}")
    fields, code = _fields(where, body)
    if "def run(args)" not in code:
        raise MalformedCase(f"{where}: it defines no run(args)")
    expects = tuple(fields.get("expects", "refused").split())
    if not all(_OUTCOME.fullmatch(one) for one in expects):
        raise MalformedCase(f"{where}: no such outcome: {' '.join(expects)}")
    timeout = fields.get("timeout_ms", str(TIMEOUT_MS))
    if not timeout.isdigit():
        raise MalformedCase(f"{where}: timeout_ms is a number, not {timeout!r}")
    if NEVER in layers and "note" not in fields:
        raise MalformedCase(f"{where}: a case that is never tried freely needs a note that says why")
    before = [preludes[name] for name in (_ALWAYS_BEFORE, *marks)]
    return Case(
        match["number"], match["id"], category, layers, "\n\n".join([*before, code]),
        expects, int(timeout), fields.get("note", ""), "system_calls" in marks,
    )  # fmt: skip


def _fields(where: str, body: list[str]) -> tuple[dict[str, str], str]:
    fields: dict[str, str] = {}
    for at, line in enumerate(body):
        match = _FIELD.fullmatch(line)
        if match is None:
            return fields, "\n".join(body[at:]) + "\n"
        if match["name"] in fields:
            raise MalformedCase(f"{where}: {match['name']} is given twice")
        fields[match["name"]] = match["value"]
    return fields, ""
