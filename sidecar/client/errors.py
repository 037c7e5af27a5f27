"""What a call raises when it did not reach its tool, or its reply did not come back.

What the sidecar answers is raised as the class of `sidecar.errors` that it was there (`ToolNotFound`, `QueueFull`, …),
and what happens on this side is one of these, so that `SidecarError` is the base of all:

    SidecarError
     ├── LostSidecar           the next call starts another one; data: retryable, mayHaveRun
     │    ├── SidecarExited        its process ended, or could not be started; data: exitCode, stderrTail,
     │    │                          retryAfterMs where it died too often
     │    ├── SidecarProtocol      it sent what is no frame, or speaks another version
     │    └── SidecarUnresponsive  it did not answer within the deadline
     └── Closed                the runner was closed

A failure of the tool is no error: it is a reply whose `result["ok"]` is false.
"""

from __future__ import annotations

from typing import Any

from sidecar import errors
from sidecar.errors import SidecarError


class LostSidecar(SidecarError):
    """Base of what ends a sidecar for its calls."""


class SidecarExited(LostSidecar):
    """The process ended, or could not be started."""

    kind = "sidecar_exited"


class SidecarProtocol(LostSidecar):
    """The other side does not speak our protocol."""

    kind = "sidecar_protocol"


class SidecarUnresponsive(LostSidecar):
    """No answer within a deadline that is well beyond that of the tool."""

    kind = "sidecar_unresponsive"


class Closed(SidecarError):
    """The runner was closed; no call can be made with it any more."""

    kind = "closed"


_BY_CODE: dict[int, type[SidecarError]] = {
    error.code: error
    for error in (
        errors.ParseError,
        errors.InvalidRequest,
        errors.MethodNotFound,
        errors.InvalidParams,
        errors.ToolNotFound,
        errors.ToolExists,
        errors.InvalidTool,
        errors.QueueFull,
        errors.ShuttingDown,
        errors.SandboxUnavailable,
        errors.InterpreterNotFound,
        errors.Cancelled,
        errors.InternalError,
    )
}


def from_wire(error: dict[str, Any]) -> SidecarError:
    """Rebuild the error that a reply carries; `data` keeps what came with it."""
    rebuilt = _BY_CODE.get(error.get("code", 0), errors.InternalError)(str(error.get("message", "no message")))
    data = error.get("data")
    rebuilt.data.update(data if isinstance(data, dict) else {})
    return rebuilt
