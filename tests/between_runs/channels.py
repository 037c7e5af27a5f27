"""The channels by which one call could leave something for another: pairs of tools, one that sends, one that looks.

In a file of `pairs/`, a line `=== id (flag) (flag)` begins a channel; its code is below `--- send`, `--- look` and, for
both, `--- both`. The files say when a channel works: `files`, `kernel` when the sender has ended; `process` within one
process only; `meanwhile` while the sender is there; `waiting` where the one who looks was there first.

`send(args)` leaves `args["token"]`; it returns what is to be found where that is not the token, and False where it
could leave nothing. `look(args)` returns whatever it finds. What the kernel refuses to either is no error.
"""

from __future__ import annotations

import json
import platform
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
_HEADING = re.compile(r"^=== (?P<id>[a-z0-9-]+)(?P<flags>(?: \([^)]+\))*)\n", re.MULTILINE)
_PART = re.compile(r"^--- (send|look|both)\n", re.MULTILINE)
_PRELUDE = (FOLDER / "prelude.txt").read_text(encoding="utf-8")

AFTERWARDS = ("files", "kernel")
IN_PROCESS = "process"
MEANWHILE = "meanwhile"
WAITING = "waiting"


@dataclass(frozen=True)
class Channel:
    """One channel; `lacks` names what a machine may not have, without which nothing can be sent anywhere."""

    id: str
    file: str
    flags: tuple[str, ...]
    send: str
    look: str

    @property
    def lacks(self) -> str | None:
        """What a machine may be without."""
        return next((flag.removeprefix("may lack: ") for flag in self.flags if flag.startswith("may lack: ")), None)

    @property
    def needs_namespace(self) -> bool:
        """Whether trying it outside would change the machine."""
        return "needs a namespace of its own" in self.flags

    @property
    def runs_here(self) -> bool:
        """Whether this machine has the system calls that its code names by number."""
        return "x86-64" not in self.flags or platform.machine() == "x86_64"

    def tool(self, entry: str) -> str:
        """The tool that runs `entry` of the prelude: leave, leave_and_wait or find."""
        return f"{_PRELUDE}\n\n{self.look if entry == 'find' else self.send}\n\nrun = {entry}\n"


def channels(*files: str) -> list[Channel]:
    """Every channel of those files that this machine can try."""
    found = [channel for file in files for channel in _read(FOLDER / "pairs" / f"{file}.txt")]
    return [channel for channel in found if channel.runs_here]


def arguments(**more: Any) -> dict[str, Any]:
    """What both sides of one try are told. Only the sender needs the token."""
    name, chance = f"left-{secrets.token_hex(8)}", secrets.randbelow
    numbers = {"key": 1 + chance(2**31 - 1), "port": 20_000 + chance(12_000)}
    # Neither all zeros nor all ones: what is read where nothing was sent.
    token = f"{1 + chance(2**24 - 2):06x}"
    return {"token": token, "name": name, **numbers, "root": "/", "hint": "", "outside": False, **more}


def needles(args: dict[str, Any], left: Any) -> list[str]:
    """What is to be found of a sender that says that it left `left`."""
    if isinstance(left, str):
        return [left]
    return left if isinstance(left, list) else [args["token"]]


def came_through(args: dict[str, Any], left: Any, found: Any) -> bool:
    """Whether what was left is in what was found."""
    return any(needle in json.dumps(found) for needle in needles(args, left))


def _read(path: Path) -> list[Channel]:
    text = path.read_text(encoding="utf-8")
    headings = list(_HEADING.finditer(text))
    found = []
    for heading, following in zip(headings, [*headings[1:], None], strict=True):
        body = text[heading.end() : following.start() if following else len(text)]
        pieces = _PART.split(body)
        assert not pieces[0].strip(), heading["id"]
        parts = dict(zip(pieces[1::2], pieces[2::2], strict=True))
        both = parts.get("both", "")
        flags = tuple(re.findall(r"\(([^)]+)\)", heading["flags"]))
        found.append(Channel(heading["id"], path.stem, flags, both + parts["send"], both + parts["look"]))
    return found
