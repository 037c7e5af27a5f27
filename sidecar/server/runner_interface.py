"""What the server needs of a runner: the seam behind which other back ends, and the tests' fake, can stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sidecar.runner.outcome import CallRecord, CallRequest, Check, Compiled, Derivation, Isolation


class Runner(Protocol):
    """Runs calls in fresh, jailed processes."""

    def start(self) -> None:
        """Begin to prepare the default interpreter; what fails is raised by the first call."""

    async def run(self, request: CallRequest) -> CallRecord:
        """Run one call; when this is cancelled, its process is dead before the cancellation goes on."""
        ...

    async def check(self, code: str, python_path: str) -> Compiled:
        """Compile `code` in a jailed process and return what is wrong with it."""
        ...

    async def derive(
        self, code: str, python_path: str | None, min_isolation: str | None, max_memory_mb: int | None
    ) -> Derivation:
        """Run the top level of `code` in a jailed process and return what it says of its type hints."""
        ...

    async def warm(self, code: str, python_path: str, floor: str | None) -> tuple[str, ...]:
        """Return the modules that the code imports at its top, for `CallRequest.imports`, and begin to load them."""
        ...

    async def isolation(self) -> Isolation:
        """Return what is in force around a call, as probed."""
        ...

    async def doctor(self) -> Sequence[Check]:
        """Return what this machine can and cannot do."""
        ...

    def gauges(self) -> dict[str, int]:
        """Return how many calls run, wait, and so on."""
        ...

    async def close(self) -> None:
        """Refuse new calls and kill those in flight; nothing is left afterwards."""
