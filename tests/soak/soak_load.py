"""Calls at a rate of their own, whether or not the earlier ones have been answered, as hosts send them."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sidecar_process import Message, Sidecar

TOOLS = {
    "echo": "def run(args):\n    return args\n",
    "raise": "def run(args):\n    raise ValueError(args)\n",
    "work": "def run(args):\n    print('x' * 500)\n    return sum(n * n for n in range(20_000)) and args\n",
    "files": "def run(args):\n    open('own', 'w').write('x' * 9000)\n    return len(open('own').read()) and args\n",
}
_NAMES = ("echo", "work", "echo", "files", "echo", "raise", "work")


class Load:
    """Keeps count of what it has sent to one sidecar; every reply is checked."""

    def __init__(self, sidecar: Sidecar, seed: int) -> None:
        self._sidecar = sidecar
        self._chance = random.Random(seed)
        self._sent: dict[int, tuple[int, float]] = {}
        self._number = 0
        self.latencies_ms: list[float] = []

    def register(self) -> None:
        """Register the tools."""
        for name, code in TOOLS.items():
            self._sidecar.call("register", id=name, code=code)

    def capacity(self, in_flight: int, seconds: float) -> float:
        """Return how many calls a second are answered while there are always `in_flight` of them."""
        end = time.monotonic() + seconds
        answered = 0
        while time.monotonic() < end:
            while len(self._sent) < in_flight:
                self._send()
            self._check(self._sidecar.receive())
            answered += 1
        self.drain()
        return answered / seconds

    def run(self, rate: float, seconds: float) -> None:
        """Send `rate` calls a second at random moments for `seconds`."""
        now = time.monotonic()
        end = now + seconds
        due = now + self._chance.expovariate(rate)
        while now < end:
            if due <= now:
                self._send()
                due += self._chance.expovariate(rate)
            else:
                message = self._sidecar.receive_until(min(due, end))
                if message is not None:
                    self._check(message)
            now = time.monotonic()

    def drain(self) -> None:
        """See every call answered."""
        while self._sent:
            self._check(self._sidecar.receive())

    @property
    def waiting(self) -> int:
        """How many calls have no reply yet."""
        return len(self._sent)

    def _send(self) -> None:
        self._number += 1
        name = _NAMES[self._number % len(_NAMES)]
        request = self._sidecar.start("run", id=name, args=self._number)
        self._sent[request] = (self._number, time.monotonic())

    def _check(self, message: Message) -> None:
        number, sent = self._sent.pop(message["id"])
        self.latencies_ms.append((time.monotonic() - sent) * 1000)
        result = message["result"]["result"]
        if _NAMES[number % len(_NAMES)] == "raise":
            assert (result["error"]["code"], result["error"]["message"]) == ("tool_error", str(number)), message
        else:
            assert result == {"ok": True, "data": number}, message
