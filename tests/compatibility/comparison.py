"""One test module of CPython, run inside by the runner and outside by the same interpreter, and what differs.

Outside is a plain process: the same text as the tool's, in an empty directory, with the environment that a tool sees.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness import Found, Reply, ToolRunner
from outcomes import FAIL, PASS, SKIP

if TYPE_CHECKING:
    from differences import Known

# What one module may take, on either side: twice what the slowest takes.
TIMEOUT_S = 240
# Most need far less. What asyncio's tests leave behind adds up.
MEMORY_MB = 1024
_SCRIPT = Path(__file__).with_name("outcomes.py")
_PREFIX = "test.test_"
_WORSE = (PASS, SKIP, FAIL)

Arguments = dict[str, "str | list[str]"]
# How each test ended and why, by its id within its module.
Ended = dict[str, tuple[str, str]]


@dataclass(frozen=True)
class Compared:
    """How the tests of one module ended on both sides."""

    found: Found
    module: str
    outside: Ended
    inside: Ended

    def worse(self) -> dict[str, str]:
        """The tests that end worse inside, with what they say there."""
        return {
            test: f"{how} outside, {self.inside[test][0]} inside: {self.inside[test][1]}"
            for test, (how, _) in self.outside.items()
            if _WORSE.index(self.inside[test][0]) > _WORSE.index(how)
        }

    def unexplained(self, known: tuple[Known, ...]) -> dict[str, str]:
        """Of those, the ones that nothing known explains."""
        concerned = [one for one in known if one.concerns(self.module, self.found.version)]
        return {
            test: why
            for test, why in self.worse().items()
            if not any(one.names(test) and one.explains(why) for one in concerned)
        }


def compare(tools: ToolRunner, found: Found, module: str, known: tuple[Known, ...]) -> Compared:
    """Run `module` ("json", "asyncio.test_events") on both sides at once, without the tests that would never end."""
    without = [one.tests for one in known if one.endless and one.concerns(module, found.version)]
    arguments: Arguments = {
        "module": _PREFIX + module,
        "without": [f"{_PREFIX}{module}.{pattern}" for pattern in without],
    }
    with ThreadPoolExecutor(2) as sides:
        outside = sides.submit(_run_outside, found, arguments)
        inside = sides.submit(_run_inside, tools, arguments)
    return _aligned(found, module, outside.result(), inside.result())


def _run_inside(tools: ToolRunner, arguments: Arguments) -> dict[str, list[str]]:
    request = tools.request(_SCRIPT.read_text("utf-8"), arguments, timeout_ms=TIMEOUT_S * 1000, max_memory_mb=MEMORY_MB)
    # Not `tools.run`, which is for calls that take seconds.
    future = asyncio.run_coroutine_threadsafe(tools.runner.run(request), tools._loop)
    reply = Reply.of(future.result(TIMEOUT_S + 30))
    if reply.result["ok"]:
        data: dict[str, list[str]] = reply.data
        return data
    last = reply.stderr.strip().rpartition("\n")[2]
    return {str(arguments["module"]): [FAIL, f"{reply.code}: {reply.error['message']} The last line on stderr: {last}"]}


def _run_outside(found: Found, arguments: Arguments) -> dict[str, list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        home, answer, log = Path(folder, "home"), Path(folder, "answer"), Path(folder, "log")
        home.mkdir()
        # A file, not a pipe: processes that a test has left behind would keep it open.
        with log.open("wb") as output:
            process = subprocess.Popen(
                [found.path, "-I", str(_SCRIPT), json.dumps(arguments), str(answer)],
                cwd=home,
                env={"HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8", "PATH": os.defpath},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            process.wait(TIMEOUT_S)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        end = log.read_bytes()[-2000:].decode("utf-8", "replace")
        assert answer.exists(), f"{arguments['module']} ended outside with {process.returncode}: {end}"
        ended: dict[str, list[str]] = json.loads(answer.read_text("ascii"))
        return ended


def _aligned(found: Found, module: str, outside: dict[str, list[str]], inside: dict[str, list[str]]) -> Compared:
    """Both with ids that begin within the module; a test that is missing inside ended as the whole module did."""
    whole = _PREFIX + module
    why = "; ".join(reason for name, (_, reason) in inside.items() if name == whole or "(" in name)
    missing = [FAIL, "it never began; " + why]
    names = {name: name.removeprefix(whole + ".") for name in outside}
    return Compared(
        found=found,
        module=module,
        outside={short: (outside[name][0], outside[name][1]) for name, short in names.items()},
        inside={short: tuple(inside.get(name, missing)) for name, short in names.items()},  # type: ignore[misc]
    )
