"""A runner that runs nothing: each call's outcome is decided by its code, and a test can hold calls back."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from sidecar.errors import SandboxUnavailable, ShuttingDown, SidecarError
from sidecar.record import Usage
from sidecar.runner.outcome import CallRecord, CallRequest, Compiled, Derivation, Diagnostic, Isolation

if TYPE_CHECKING:
    from collections.abc import Sequence

ISOLATION = Isolation("strict", ("namespaces", "seccomp"))


def record(result: Any, *, code: str = "ok", stdout: str = "") -> CallRecord:
    """Return the record of a call that returned `result`."""
    return CallRecord(
        result=result if isinstance(result, bytes) else json.dumps({"ok": True, "data": result}).encode(),
        code=code,
        stdout=stdout,
        stderr="",
        stdout_truncated=False,
        stderr_truncated=False,
        usage=Usage(wall_ms=1.5, cpu_ms=1.0, max_rss_mb=9.0, queue_ms=0.25),
        isolation=ISOLATION,
    )


class FakeRunner:
    """Code is a word: `echo`, `hang`, `print`, `big`, `boom`, `no sandbox`; `syntax error` does not compile."""

    def __init__(self, config: Any = None) -> None:
        self.config = config
        self.requests: list[CallRequest] = []
        self.hanging: set[asyncio.Future[None]] = set()
        self.killed = 0
        self.started = 0
        self.closed = False
        self.check_gate: asyncio.Event | None = None
        self.checked: list[str] = []
        self.derived: list[tuple[str, str | None, str | None, int | None]] = []
        self.said: Derivation | SidecarError = Derivation()
        self.imports: tuple[str, ...] = ()
        self.available = True

    def start(self) -> None:
        """Count."""
        self.started += 1

    async def run(self, request: CallRequest) -> CallRecord:
        """Do what the code says."""
        if self.closed:
            raise ShuttingDown("closed")
        self.requests.append(request)
        return await self._outcome(request)

    async def _outcome(self, request: CallRequest) -> CallRecord:
        if request.code == "hang":
            await self._hang()
        if request.code == "boom":
            raise RuntimeError("secret /path/of/the/sidecar")
        if request.code == "no sandbox":
            raise SandboxUnavailable("no", missing=[{"layer": "namespaces", "reason": "r", "fix": "f"}])
        if request.code == "print" and request.on_output is not None:
            request.on_output("stdout", "hello ")
            request.on_output("stderr", "wörld\ud800")
            asyncio.get_running_loop().call_soon(request.on_output, "stdout", "too late")
        if request.code == "big":
            return record("x" * int(json.loads(request.arguments)["size"]))
        return record(b'{"ok": true, "data": %b}' % request.arguments, stdout="hello wörld\ud800")

    async def _hang(self) -> None:
        gate = asyncio.get_running_loop().create_future()
        self.hanging.add(gate)
        try:
            await gate
        except asyncio.CancelledError:
            self.killed += 1
            await asyncio.sleep(0)
            raise
        finally:
            self.hanging.discard(gate)

    async def check(self, code: str, python_path: str) -> Compiled:  # noqa: ARG002 - the runner's signature
        """Find fault with one code only; those that are called `hinted …` have type hints."""
        self.checked.append(code)
        if self.check_gate is not None:
            await self.check_gate.wait()
        found = (Diagnostic(3, 7, "invalid syntax"),) if code == "syntax error" else ()
        return Compiled(found, hinted=code.startswith("hinted"))

    async def derive(
        self, code: str, python_path: str | None, min_isolation: str | None, max_memory_mb: int | None
    ) -> Derivation:
        """Say what the test put into `said`."""
        self.derived.append((code, python_path, min_isolation, max_memory_mb))
        if isinstance(self.said, SidecarError):
            raise self.said
        return self.said

    async def warm(self, code: str, python_path: str, floor: str | None) -> tuple[str, ...]:  # noqa: ARG002 - the runner's signature
        """Say what the test put into `imports`."""
        return self.imports

    async def isolation(self) -> Isolation:
        """Return a fixed isolation, or refuse."""
        if not self.available:
            raise SandboxUnavailable("no", missing=[{"layer": "namespaces", "reason": "r", "fix": "f"}])
        return ISOLATION

    async def doctor(self) -> Sequence[Any]:
        """Return no checks."""
        return []

    def gauges(self) -> dict[str, int]:
        """Return one gauge."""
        return {"running": len(self.hanging)}

    async def close(self) -> None:
        """End what hangs."""
        self.closed = True
        for gate in tuple(self.hanging):
            gate.set_exception(ShuttingDown("killed"))
