"""The corpus of attacks: one file for each category, each attack a tool that says "refused…" where the jail held.

In a file, a line `=== id` begins an attack; `(system calls)` after the id puts `system_calls.py` before its code.
Numbers of system calls are those of x86-64.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
_HEADING = re.compile(r"^=== (?P<id>[a-z0-9-]+)(?P<raw> \(system calls\))?\n", re.MULTILINE)


@dataclass(frozen=True)
class Attack:
    """One attack: `code` defines `run(args)`, which returns text."""

    id: str
    category: str
    code: str


def attacks() -> list[Attack]:
    """Every attack, in the order of the files."""
    prelude = (FOLDER / "system_calls.py").read_text(encoding="utf-8")
    found = []
    for path in sorted(FOLDER.glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        headings = list(_HEADING.finditer(text))
        for heading, following in zip(headings, [*headings[1:], None], strict=True):
            body = text[heading.end() : following.start() if following else len(text)]
            code = f"{prelude}\n\n{body}" if heading["raw"] else body
            found.append(Attack(heading["id"], path.stem, code))
    return found
