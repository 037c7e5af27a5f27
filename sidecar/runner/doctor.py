"""What `doctor` tries: small tools that do what no tool may, run in real workers.

A check passes when the kernel's answer was a refusal; a machine that cannot isolate fails the first one, with the fix.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

from sidecar.errors import SidecarError
from sidecar.runner.outcome import CallRequest, Check

if TYPE_CHECKING:
    from sidecar.config import Config
    from sidecar.runner.outcome import CallRecord, Isolation

_TIMEOUT_MS = 10_000

_TEMPLATE = """\
def run(args):
  try:
    {body}
  except OSError as error:
    return 'refused: ' + str(error)
  return 'allowed'
"""

# Each tries one thing and returns "refused: why" or what it got; the promise that it is about comes first.
_PROBES: tuple[tuple[str, str], ...] = (
    ("no network", "import socket\n    socket.create_connection(('127.0.0.1', 9), 1)"),
    ("no other processes", "import os\n    os.fork()"),
    ("no host files", "import os\n    open('/etc/passwd').read()"),
    ("nothing to write outside the scratch directory", "import os\n    open('/probe', 'w')"),
    ("no other process in sight", "import os\n    os.kill(2, 0)"),
    ("no new namespaces", "import ctypes, os\n    libc = ctypes.CDLL(None, use_errno=True)\n"
     "    if libc.unshare(0x10000000): raise OSError(ctypes.get_errno(), 'unshare')"),
    ("nothing of the host's environment", "import os\n"
     "    if set(os.environ) <= {'TMPDIR', 'HOME', 'LANG'}: raise OSError(0, 'empty environment')"),
)  # fmt: skip


class Examined(Protocol):
    """What `examine` needs of the runner."""

    async def run(self, request: CallRequest) -> CallRecord:
        """As `dispatch.Runner.run`."""

    async def isolation(self) -> Isolation:
        """As `dispatch.Runner.isolation`."""


async def examine(runner: Examined, config: Config) -> list[Check]:
    """Every check, in the order in which a reader wants them."""
    try:
        isolation = await runner.isolation()
    except SidecarError as error:
        missing = error.data.get("missing", [])
        hint = "; ".join(str(one["fix"]) for one in missing) or None
        return [Check("isolation", ok=False, detail=error.message, hint=hint)]
    checks = [Check("isolation", ok=True, detail=f"{isolation.level}: {', '.join(isolation.layers)}")]
    landlock = any(layer.startswith("landlock") for layer in isolation.layers)
    hint = None if landlock else "boot a kernel 5.13 or newer with landlock in the lsm= list"
    detail = "a second lock on files" if landlock else "this kernel has no Landlock: files have one lock, the mounts"
    checks.append(Check("landlock", ok=True, detail=detail, hint=hint))
    for promise, body in _PROBES:
        checks.append(await _probe(runner, config, promise, body))
    return checks


async def _probe(runner: Examined, config: Config, promise: str, body: str) -> Check:
    code = _TEMPLATE.format(body=body)
    request = CallRequest(code, b"{}", config.python_path, _TIMEOUT_MS, config.limits.max_memory_mb)
    record = await runner.run(request)
    answer = str(json.loads(record.result).get("data"))
    ok = answer.startswith("refused: ")
    return Check(promise, ok=ok, detail=answer, hint=None if ok else "do not run untrusted tools here; report this")
