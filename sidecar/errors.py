"""Every error that the sidecar answers with, and the one table of codes and kinds.

    SidecarError
     ├── RequestError          the host's message is at fault
     │    ├── ParseError           -32700
     │    ├── InvalidRequest       -32600
     │    ├── MethodNotFound       -32601
     │    └── InvalidParams        -32602
     ├── ToolError             the registration is at fault
     │    ├── ToolNotFound         -32010  tool_not_found
     │    ├── ToolExists           -32011  tool_exists
     │    └── InvalidTool          -32012  invalid_tool         data: line, column
     ├── CapacityError         the sidecar cannot take the call now
     │    ├── QueueFull            -32013  queue_full           data: retryAfterMs
     │    └── ShuttingDown         -32016  shutting_down
     ├── MachineError          this machine cannot run it
     │    ├── SandboxUnavailable   -32014  sandbox_unavailable  data: missing [{layer, reason, fix}]
     │    └── InterpreterNotFound  -32015  interpreter_not_found data: candidates [{path, reason}]
     ├── Cancelled             -32800  cancelled
     └── InternalError         -32603  internal_error           the sidecar's own fault; may be retried

A tool's failure is no error in this sense: it is a result (see ``runner.outcome``).
"""

from __future__ import annotations

from typing import Any, ClassVar


class SidecarError(Exception):
    """Base of all; never raised itself. ``data`` goes to the peer beside ``kind``."""

    code: ClassVar[int] = -32603
    kind: ClassVar[str] = "internal_error"

    def __init__(self, message: str, **data: Any) -> None:
        super().__init__(message)
        self.message = message
        self.data: dict[str, Any] = {"kind": self.kind, **data}


class RequestError(SidecarError):
    """The host's message is at fault."""


class ParseError(RequestError):
    """The body of a frame is not JSON."""

    code, kind = -32700, "parse_error"


class InvalidRequest(RequestError):
    """JSON, but not a JSON-RPC 2.0 request."""

    code, kind = -32600, "invalid_request"


class MethodNotFound(RequestError):
    """No such method."""

    code, kind = -32601, "method_not_found"


class InvalidParams(RequestError):
    """The method exists, its parameters do not fit. ``data.errors`` lists ``{path, message}``."""

    code, kind = -32602, "invalid_params"


class ToolError(SidecarError):
    """The registration is at fault."""


class ToolNotFound(ToolError):
    """``run`` or ``unregister`` of an id that is not registered."""

    code, kind = -32010, "tool_not_found"


class ToolExists(ToolError):
    """``register`` of a known id with other content, without ``replace``."""

    code, kind = -32011, "tool_exists"


class InvalidTool(ToolError):
    """The code does not compile or the schema is no JSON Schema; ``data`` has ``line`` and ``column``."""

    code, kind = -32012, "invalid_tool"


class CapacityError(SidecarError):
    """The sidecar cannot take the call now."""


class QueueFull(CapacityError):
    """The bounded queue is full; ``data.retryAfterMs`` is a guess from the calls' recent durations."""

    code, kind = -32013, "queue_full"


class ShuttingDown(CapacityError):
    """A request after ``shutdown``."""

    code, kind = -32016, "shutting_down"


class MachineError(SidecarError):
    """This machine cannot run the call."""


class SandboxUnavailable(MachineError):
    """The isolation asked for cannot be had; ``data.missing`` is ``[{layer, reason, fix}]``."""

    code, kind = -32014, "sandbox_unavailable"


class InterpreterNotFound(MachineError):
    """No usable interpreter; ``data.candidates`` is ``[{path, reason}]``."""

    code, kind = -32015, "interpreter_not_found"


class Cancelled(SidecarError):
    """The host cancelled the request; its process is dead."""

    code, kind = -32800, "cancelled"


class InternalError(SidecarError):
    """The sidecar's own fault. ``data.retryable`` says whether the same call may be sent again."""

    code, kind = -32603, "internal_error"
