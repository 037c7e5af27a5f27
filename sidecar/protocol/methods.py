"""The table of methods: what each takes and gives. Routing, validation and the generated types all start from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sidecar.protocol import messages, results

if TYPE_CHECKING:
    from pydantic import BaseModel


class Method(NamedTuple):
    """A method's models; `result` is None where the result is `null`."""

    params: type[BaseModel]
    result: type[BaseModel] | None


METHODS: dict[str, Method] = {
    "initialize": Method(messages.InitializeParams, results.InitializeResult),
    "register": Method(messages.RegisterParams, results.RegisterResult),
    "run": Method(messages.RunParams, results.RunResult),
    "validate": Method(messages.ValidateParams, results.ValidateResult),
    "unregister": Method(messages.UnregisterParams, results.EmptyResult),
    "list": Method(messages.ListParams, results.ListResult),
    "stats": Method(messages.NoParams, results.StatsResult),
    "doctor": Method(messages.NoParams, results.DoctorResult),
    "shutdown": Method(messages.NoParams, None),
}

# From the host; never answered.
HOST_NOTIFICATIONS: dict[str, type[BaseModel]] = {
    "exit": messages.NoParams,
    "$/cancelRequest": messages.CancelParams,
}

# From the sidecar.
SIDECAR_NOTIFICATIONS: dict[str, type[BaseModel]] = {"run/output": results.OutputParams}
