"""The client for hosts in Python: `PyRunner`, and `AsyncPyRunner` for those that have an event loop.

    with PyRunner(timeout_ms=5000) as runner:
        runner.run(code="def run(args): return args['n'] ** 2", args={"n": 12})["result"]  # {"ok": True, "data": 144}

It stands in the sidecar's package so that one installation has both in versions that fit, yet is a program of its own:
standard library only, and of the sidecar it knows the framing and the errors.
"""

from __future__ import annotations

from sidecar.client.async_runner import AsyncPyRunner
from sidecar.client.errors import Closed, LostSidecar, SidecarExited, SidecarProtocol, SidecarUnresponsive
from sidecar.client.runner import PyRunner

__all__ = [
    "AsyncPyRunner",
    "Closed",
    "LostSidecar",
    "PyRunner",
    "SidecarExited",
    "SidecarProtocol",
    "SidecarUnresponsive",
]
