"""The tests of CPython that are known to end worse inside than outside: `differences.txt`, read.

A line of that file is one `Known`. Its reason is the heading above it, which is a heading of docs/limits.md too.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from pathlib import Path

_FILE = Path(__file__).with_name("differences.txt")
_HEADING = re.compile(r"\[(?P<reason>.+)\]")
# !module  tests  3.8-3.11  ~ what the test says inside
_LINE = re.compile(
    r"(?P<endless>!?)(?P<module>\S+)\s+(?P<tests>\S+)"
    r"(?:\s+(?P<since>3\.\d+)?(?P<range>-)(?P<until>3\.\d+)?)?"
    r"(?:\s+~\s(?P<says>.+))?"
)
_FIRST, _LAST = (0, 0), (99, 0)


@dataclass(frozen=True)
class Known:
    """Tests that may end worse inside, since `reason`; `endless` ones would never end there and are not run at all."""

    line: str
    reason: str
    module: str
    tests: str
    since: tuple[int, int]
    until: tuple[int, int]
    says: re.Pattern[str] | None
    endless: bool

    def concerns(self, module: str, version: tuple[int, ...]) -> bool:
        """Whether any test of `module` can be meant, on a Python of that version."""
        return fnmatch.fnmatchcase(module, self.module) and self.since <= version[:2] <= self.until

    def names(self, test: str) -> bool:
        """Whether `test`, an id within such a module, is meant."""
        return fnmatch.fnmatchcase(test, self.tests)

    def explains(self, why: str) -> bool:
        """Whether what the test said inside is what is known of it."""
        return self.says is None or self.says.search(why) is not None


def read(text: str | None = None) -> tuple[Known, ...]:
    """Every line of the file (of `text`, in its own tests). ValueError names one that cannot be read."""
    known = []
    reason = ""
    for line in (_FILE.read_text(encoding="utf-8") if text is None else text).splitlines():
        content = line.strip()
        if not content or content.startswith("#"):
            continue
        if heading := _HEADING.fullmatch(content):
            reason = heading["reason"]
        elif reason and (found := _LINE.fullmatch(content)):
            known.append(_known(reason, content, found))
        else:
            raise ValueError(f"{_FILE.name}: {line!r} is not a heading, or a line below one")
    return tuple(known)


def _known(reason: str, line: str, found: re.Match[str]) -> Known:
    return Known(
        line=line,
        reason=reason,
        module=found["module"],
        tests=found["tests"],
        since=_version(found["since"], _FIRST),
        until=_version(found["until"], _LAST),
        says=re.compile(found["says"], re.DOTALL) if found["says"] else None,
        endless=bool(found["endless"]),
    )


def _version(text: str | None, otherwise: tuple[int, int]) -> tuple[int, int]:
    return (3, int(text.partition(".")[2])) if text else otherwise
