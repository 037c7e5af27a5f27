"""What a worker says that it was refused: a stranger's word, bounded while it comes in, checked when it is read.

Invariant: at most `wire`'s numbers of frames are kept and none above its length; what is not in the shape that a worker
of ours sends is left out, and whatever text comes through is one printable line. Explanation, never evidence.
"""

from __future__ import annotations

import json
import re
from typing import Any

from sidecar.runner.outcome import Violation, Violations
from sidecar.worker import wire
from sidecar.worker.frames import FrameError

_MAX = {wire.VIOLATION: wire.VIOLATION_FRAMES_MAX, wire.TALLY: wire.TALLIES_MAX}
_CALL = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,63}")
_LINE_MAX = 2**31 - 1
_COUNT_MAX = 2**53 - 1


class Reported:
    """The frames of one worker, kept as they came."""

    def __init__(self) -> None:
        self._frames: dict[int, list[bytes]] = {kind: [] for kind in _MAX}
        self.is_watched = False

    def take(self, kind: int, payload: bytes) -> None:
        """Keep one; FrameError where a worker of ours would not have sent it."""
        kept = self._frames.get(kind)
        if kept is None or len(kept) >= _MAX[kind] or len(payload) > wire.VIOLATION_MAX_BYTES:
            raise FrameError(f"a frame of kind {kind:#x} and {len(payload)} bytes is out of order, or one too many")
        kept.append(payload)

    def read(self) -> Violations | None:
        """What they say, the last tally counting; None where the worker has no way to watch."""
        if not self.is_watched:
            return None
        tallies = self._frames[wire.TALLY]
        tally = _parse(tallies[-1]) if tallies else {}
        counts = tally.get("counts")
        found: dict[int, Violation] = {}
        for payload in self._frames[wire.VIOLATION]:
            said = _parse(payload)
            index = said.get("index")
            if type(index) is not int or not 0 <= index < wire.VIOLATIONS_MAX:
                continue
            count = counts[index] if isinstance(counts, list) and index < len(counts) else 1
            violation = _violation(said, _number(count, _COUNT_MAX) or 1)
            if violation is not None:
                found[index] = violation
        listed = tuple(found[index] for index in sorted(found))
        return Violations(listed, _number(tally.get("omitted"), _COUNT_MAX) or 0)


def _violation(said: dict[str, Any], count: int) -> Violation | None:
    call, argument, policy = said.get("call"), said.get("argument"), said.get("policy")
    if not (isinstance(call, str) and isinstance(argument, str) and isinstance(policy, str)):
        return None
    if _CALL.fullmatch(call) is None or policy not in wire.POLICIES:
        return None
    line = _number(said.get("line"), _LINE_MAX)
    return Violation(call, _printable(argument)[: wire.ARGUMENT_MAX_CHARS], wire.POLICIES[policy], count, line)


def _parse(payload: bytes) -> dict[str, Any]:
    try:
        said = json.loads(payload.decode("utf-8"))
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _number(value: Any, largest: int) -> int | None:
    return value if type(value) is int and 0 < value <= largest else None


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
