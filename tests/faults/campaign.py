"""Drives a schedule through a sidecar: starts, breaks, heals, cancels, and judges every reply.

Invariant: each request gets exactly one reply, with its own id and its own data. A call that nothing was done to has
the one outcome of its kind; a call that something was done to may also have met a clear, retryable error.
"""

from __future__ import annotations

import collections
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from calls import BY_NAME as KINDS_BY_NAME
from calls import TIMEOUT_MS, is_excused
from injections import BY_NAME as FAULTS_BY_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from calls import Kind
    from schedule import Step
    from sidecar_process import Message, Sidecar

IN_FLIGHT = 16
# A fault touches the calls in flight and so many that start after it: those that wait for what it has broken.
_REACH = 24
_HEAL_AFTER = 16


@dataclass
class _Call:
    number: int
    kind: Kind
    is_disturbed: bool


class Campaign:
    """One run of a schedule."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._waiting: dict[int, _Call] = {}
        self._cancel_at: list[tuple[int, int]] = []
        self._heal_at: list[tuple[int, Callable[[], None]]] = []
        self._disturbed_until = 0
        self._number = 0
        self._resume_at = 0.0
        self.ends: collections.Counter[str] = collections.Counter()
        self.faults: collections.Counter[str] = collections.Counter()

    def register(self) -> None:
        """Register a tool for each kind."""
        for kind in KINDS_BY_NAME.values():
            params = {"timeout": TIMEOUT_MS, **kind.params}
            self._sidecar.call("register", id=kind.name, code=kind.code, **params)

    def run(self, steps: Iterable[Step]) -> None:
        """Take each step, and see every call to its end."""
        for step in steps:
            self._number = step.number
            while len(self._waiting) >= IN_FLIGHT:
                self._take_reply()
            self._heal(step.number)
            if step.fault is not None:
                self._inflict(step.fault, step.chance)
            self._cancel(step.number)
            self._start(step)
        self._heal(None)
        self._cancel(None)
        while self._waiting:
            self._take_reply()

    def _start(self, step: Step) -> None:
        if (pause_s := self._resume_at - time.monotonic()) > 0:
            time.sleep(pause_s)  # as long as the sidecar has asked for
        kind = KINDS_BY_NAME[step.kind]
        request = self._sidecar.start("run", id=kind.name, args=kind.args(step.number))
        self._waiting[request] = _Call(step.number, kind, step.number < self._disturbed_until)
        if kind.name == "cancel":
            self._cancel_at.append((step.number + int(step.chance * IN_FLIGHT), request))

    def _inflict(self, fault: str, chance: float) -> None:
        self.faults[fault] += 1
        self._disturb(_REACH + _HEAL_AFTER)
        self._heal_at.append((self._number + _HEAL_AFTER, FAULTS_BY_NAME[fault].inflict(self._sidecar, chance)))

    def _disturb(self, reach: int) -> None:
        self._disturbed_until = max(self._disturbed_until, self._number + reach)
        for call in self._waiting.values():
            call.is_disturbed = True

    def _heal(self, number: int | None) -> None:
        for at, heal in self._heal_at:
            if number is None or at <= number:
                heal()
        self._heal_at = [] if number is None else [one for one in self._heal_at if one[0] > number]

    def _cancel(self, number: int | None) -> None:
        for at, request in self._cancel_at:
            if number is None or at <= number:
                self._sidecar.notify("$/cancelRequest", id=request)
        self._cancel_at = [] if number is None else [one for one in self._cancel_at if one[0] > number]

    def _take_reply(self) -> None:
        if all(call.kind.name == "cancel" for call in self._waiting.values()):
            self._cancel(None)
        message = self._sidecar.receive()
        assert message["id"] in self._waiting, f"a reply to nobody, or a second one: {_shown(message)}"
        call = self._waiting.pop(message["id"])
        if "error" in message and (retry_ms := message["error"]["data"].get("retryAfterMs")):
            # A crash loop, told as such: what waits has met it, and a host comes back when it was told to.
            self._resume_at = time.monotonic() + retry_ms / 1000
            if call.is_disturbed:
                self._disturb(_REACH)
        if _is_right(message, call):
            self.ends[call.kind.name] += 1
        else:
            assert is_excused(message, call.kind), f"call {call.number} ({call.kind.name}): {_shown(message)}"
            assert call.is_disturbed, f"call {call.number} ({call.kind.name}), undisturbed: {_shown(message)}"
            self.ends["disturbed"] += 1


def _is_right(message: Message, call: _Call) -> bool:
    try:
        return call.kind.is_right(message, call.number)
    except KeyError:
        return False


def _shown(message: Message) -> str:
    return repr(message)[:1000]
