"""What became of an attack: a pure function of its case and of the reply to it.

Invariant: only what the case names as held is held. An attack that broke down on its way is as bad as one that
succeeded, since it proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from sidecar.attacks.corpus import Case

Verdict = Literal["held", "escaped", "not applicable"]

_REFUSED, _ESCAPED, _ABSENT, _TRUNCATED = "refused", "escaped", "absent", "truncated"
_DETAIL_CHARS = 200


@dataclass(frozen=True)
class Finding:
    """One attack's outcome; `detail` is its own words, or the error that it ended with."""

    case: Case
    verdict: Verdict
    detail: str

    @property
    def is_success(self) -> bool:
        """Whether the attack itself says that it succeeded, and did not merely break down."""
        return self.verdict == "escaped" and self.detail.startswith(_ESCAPED)


def judge(case: Case, result: dict[str, Any], *, truncated: bool) -> Finding:
    """Look at the `result` of a reply, and whether either stream of its output was cut."""
    error = result.get("error")
    if isinstance(error, dict):
        code = str(error.get("code"))
        detail = f"{code}: {error.get('message')}"[:_DETAIL_CHARS]
        return Finding(case, "held" if code in case.expects else "escaped", detail)
    text = str(result.get("data"))
    word = text.partition(":")[0].partition(" ")[0]
    if word == _ABSENT:
        return Finding(case, "not applicable", text[:_DETAIL_CHARS])
    held = word == _REFUSED and (_REFUSED in case.expects or (_TRUNCATED in case.expects and truncated))
    return Finding(case, "held" if held else "escaped", text[:_DETAIL_CHARS])
