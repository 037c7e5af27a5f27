"""What the tests of the worker and the runner share: the interpreters of this machine, and a runner to call.

Nothing here knows a path of one machine, and nothing waits without a bound.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from processes import descendants

from sidecar.config import Config, Limits
from sidecar.runner import Runner
from sidecar.runner.outcome import CallRecord, CallRequest, Compiled, Derivation, Diagnostic, Isolation, Violations

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from sidecar.record import Usage

T = TypeVar("T")

# What a wait in a test may take at most, whatever it waits for: CI machines are slow, and nothing here is a benchmark.
PATIENCE_S = 30.0
# How late a call may end that is killed at its deadline, on a machine with other things to do.
MARGIN_MS = 3000.0

_FLOOR = (3, 7)
_NEWEST = (3, 14)
_ASK = "import sys, platform; print('%d.%d.%d' % sys.version_info[:3], platform.python_implementation())"


@dataclass(frozen=True)
class Found:
    """A CPython of this machine."""

    path: str
    version: tuple[int, ...]

    @property
    def minor(self) -> str:
        """As in "3.7"."""
        return ".".join(map(str, self.version[:2]))


@functools.cache
def every_cpython() -> tuple[Found, ...]:
    """Each CPython that answers, one for each minor version, too old ones among them, oldest first."""
    found: dict[tuple[int, ...], Found] = {}
    for path in _candidates():
        version = _version(path)
        if version is not None:
            found.setdefault(version[:2], Found(path, version))
    return tuple(found[minor] for minor in sorted(found))


def supported() -> tuple[Found, ...]:
    """Those that the sidecar promises to run tools with."""
    return tuple(one for one in every_cpython() if one.version >= _FLOOR)


def too_old() -> tuple[Found, ...]:
    """Those that it must refuse, saying why."""
    return tuple(one for one in every_cpython() if one.version < _FLOOR)


def _candidates() -> Iterator[str]:
    yield sys.executable
    for folder in _version_folders():
        if folder.is_dir():
            for version in sorted(folder.iterdir()):
                yield str(version / "bin" / "python")
    for minor in range(_FLOOR[1], _NEWEST[1] + 1):
        name = shutil.which(f"python3.{minor}")
        if name is not None:
            yield name


def _version_folders() -> Iterator[Path]:
    home = Path.home()
    for root in (os.environ.get("PYENV_ROOT"), home / ".pyenv"):
        if root:
            yield Path(root) / "versions"
    for root in (os.environ.get("ASDF_DATA_DIR"), home / ".asdf"):
        if root:
            yield Path(root) / "installs" / "python"


def _version(path: str) -> tuple[int, ...] | None:
    """The version of the CPython at `path`; None where it is none, or a shim without an interpreter behind it."""
    try:
        answer = subprocess.run(
            [path, "-S", "-c", _ASK], capture_output=True, text=True, check=True, timeout=PATIENCE_S
        ).stdout.split()
    except (OSError, subprocess.SubprocessError):
        return None
    if len(answer) != 2 or answer[1] != "CPython":
        return None
    return tuple(int(part) for part in answer[0].split("."))


@dataclass(frozen=True)
class Reply:
    """One call's record, as a test wants to read it."""

    raw: bytes
    code: str
    stdout: str
    stderr: str
    stdout_truncated: bool
    stderr_truncated: bool
    usage: Usage
    isolation: Isolation
    violations: Violations | None

    @classmethod
    def of(cls, record: CallRecord) -> Reply:
        """The record with another face."""
        return cls(
            record.result, record.code, record.stdout, record.stderr,
            record.stdout_truncated, record.stderr_truncated, record.usage, record.isolation, record.violations,
        )  # fmt: skip

    @property
    def result(self) -> dict[str, Any]:
        """The reply's `result` member, parsed as strictly as a host parses it."""
        parsed: dict[str, Any] = json.loads(self.raw.decode("utf-8"), parse_constant=_refuse)
        return parsed

    @property
    def data(self) -> Any:
        """What a tool that succeeded returned."""
        assert self.result["ok"] is True, (self.result, self.stderr)
        assert self.code == "ok"
        return self.result["data"]

    @property
    def refused(self) -> Violations:
        """What the worker says that it was refused, where it can tell."""
        assert self.violations is not None
        return self.violations

    @property
    def error(self) -> dict[str, Any]:
        """The failure of a tool that failed, its code the one that the record names."""
        assert self.result["ok"] is False, self.result
        error: dict[str, Any] = self.result["error"]
        assert error["code"] == self.code
        assert isinstance(error["message"], str)
        assert isinstance(error["type"], str)
        return error


def _refuse(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


class ToolRunner:
    """One `Runner` on an event loop of its own, in a thread of its own, called synchronously. Close it."""

    def __init__(self, config: Config, without: frozenset[str] = frozenset()) -> None:
        """`without` names layers of the jail to leave out, as `sidecar.runner.homes.settle` does."""
        self.config = config
        self._without = without
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tool runner", daemon=True)
        self._thread.start()
        self.runner: Runner = self.on_loop(self._construct())

    async def _construct(self) -> Runner:
        return Runner(self.config, self._without)

    def request(  # noqa: PLR0913 - a call has that many options
        self,
        code: str,
        args: Any = None,
        *,
        timeout_ms: int = 5000,
        max_memory_mb: int = 256,
        working_dir: str | None = None,
        python_path: str | None = None,
        tool_id: str | None = None,
        on_output: Callable[[str, str], None] | None = None,
    ) -> CallRequest:
        """The request of a call. `args` is any JSON value ({} where it is None), or the JSON itself as bytes."""
        return CallRequest(
            code=code,
            arguments=args if isinstance(args, bytes) else json.dumps({} if args is None else args).encode(),
            python_path=python_path or self.config.python_path,
            timeout_ms=timeout_ms,
            max_memory_mb=max_memory_mb,
            working_dir=working_dir,
            tool_id=tool_id,
            on_output=on_output,
        )

    def run(self, code: str, args: Any = None, **options: Any) -> Reply:
        """Run a tool; `options` are those of `request`."""
        return Reply.of(self.on_loop(self.runner.run(self.request(code, args, **options))))

    def check(self, code: str, python_path: str | None = None) -> tuple[Diagnostic, ...]:
        """Compile a tool; what was found."""
        return self.compile(code, python_path).diagnostics

    def compile(self, code: str, python_path: str | None = None) -> Compiled:
        """Compile a tool."""
        return self.on_loop(self.runner.check(code, python_path or self.config.python_path))

    def derive(self, code: str, *, max_memory_mb: int | None = None) -> Derivation:
        """Have a tool's type hints described."""
        return self.on_loop(self.runner.derive(code, None, None, max_memory_mb))

    def on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        """Await `work` on the runner's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    def processes(self) -> set[int]:
        """The zygotes of this runner and all that is below them, when nothing is compiled for later calls."""
        if threading.current_thread() is not self._thread:
            self.on_loop(until(lambda: self.runner.gauges()["compiling"] == 0))
        zygotes = [pool._zygote._process.pid for pool in self.runner._pools if pool._zygote is not None]
        return set(zygotes).union(process.pid for pid in zygotes for process in descendants(pid))

    def descriptors(self) -> int:
        """How many this process holds, when the mounts of dead workers have been let go of."""

        self.on_loop(until(lambda: self.runner.gauges()["leftovers"] == 0))
        return open_descriptors()

    def close(self) -> None:
        """End the runner and the loop; nothing is left of either."""
        self.on_loop(self.runner.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for it, no longer than `PATIENCE_S`."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so() and time.monotonic() < deadline:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.001)


def config(python_path: str = sys.executable, *, limits: Limits | None = None, **more: Any) -> Config:
    """A configuration for tests: few workers, everything else as it comes unless said otherwise."""
    return Config(**{
        "python_path": python_path, "limits": limits or Limits(), "max_concurrency": 2, "standby_workers": 2, **more,
    })  # fmt: skip


def open_descriptors() -> int:
    """How many descriptors this process holds."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
