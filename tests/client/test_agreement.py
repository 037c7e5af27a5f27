"""What the Python client says twice of the sidecar and of the TypeScript client, compared with what they say."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typing_extensions import is_typeddict

from sidecar.client import AsyncPyRunner, PyRunner, results
from sidecar.client import errors as client_errors
from sidecar.client.environment import ALLOWED, ALLOWED_PREFIXES, sidecar_environment
from sidecar.client.options import RUN_NAMES, TOOL_NAMES, wire_options
from sidecar.client.process import PROTOCOL_VERSION
from sidecar.errors import SidecarError
from sidecar.protocol import messages
from sidecar.protocol import results as models
from sidecar.server import handlers  # noqa: F401 - so that every error that the sidecar answers with is known

if TYPE_CHECKING:
    from pydantic import BaseModel

ENVIRONMENT_TS = Path(__file__).parents[2] / "ts-client/src/environment.ts"
MODELS = {
    results.Usage: models.UsageReport,
    results.Isolation: models.IsolationReport,
    results.Violation: models.ViolationReport,
    results.RunReply: models.RunResult,
    results.RegisterReply: models.RegisterResult,
    results.Diagnostic: models.DiagnosticReport,
    results.ValidateReply: models.ValidateResult,
    results.ToolReport: models.ToolReport,
    results.Check: models.CheckReport,
    results.DoctorReply: models.DoctorResult,
}


@pytest.mark.parametrize(("reply", "model"), MODELS.items(), ids=[reply.__name__ for reply in MODELS])
def test_a_reply_has_the_members_that_the_sidecar_sends(reply: type, model: type[BaseModel]) -> None:
    assert set(reply.__annotations__) == _members(model)


def test_every_reply_is_compared() -> None:
    assert {each for each in vars(results).values() if is_typeddict(each)} == set(MODELS)
    assert models.PROTOCOL_VERSION == PROTOCOL_VERSION


def test_whatever_a_host_may_ask_of_the_sidecar_it_may_ask_of_the_client() -> None:
    ours = {"id", "code", "args", "stream", "owner"}  # that the client itself makes of what it is given
    assert set(RUN_NAMES.values()) | ours == _members(messages.RunParams)
    named = {"name", "description", "schema", "warm", "replace"}
    assert named <= set(inspect.signature(AsyncPyRunner.register).parameters)
    assert set(TOOL_NAMES.values()) | named | {"id", "code", "owner"} == _members(messages.RegisterParams)


def test_both_runners_take_the_same() -> None:
    for name in vars(PyRunner):
        if not name.startswith("_"):
            of_both = [inspect.signature(getattr(each, name)).parameters for each in (PyRunner, AsyncPyRunner)]
            assert of_both[0] == of_both[1], name


def _members(model: type[BaseModel]) -> set[str | None]:
    return {field.alias for field in model.model_fields.values()}


def test_both_clients_hand_on_the_same_variables() -> None:
    source = ENVIRONMENT_TS.read_text(encoding="utf-8")
    names = re.search(r"new Set\(\[(.*?)\]\)", source, re.DOTALL)
    prefixes = re.search(r"ALLOWED_PREFIXES = \[(.*?)\]", source)
    assert names is not None
    assert prefixes is not None
    assert set(re.findall(r'"(\w+)"', names[1])) == set(ALLOWED)
    assert set(re.findall(r'"(\w+)"', prefixes[1])) == set(ALLOWED_PREFIXES)


def test_the_hosts_secrets_stay_with_the_host() -> None:
    host = {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "x", "PYTHONPATH": "/x", "PYRUNNER_LOG": "debug", "LC_ALL": "C"}
    assert sidecar_environment(host, {"LC_ALL": None, "MORE": "1"}) == {
        "PATH": "/bin",
        "PYRUNNER_LOG": "debug",
        "MORE": "1",
    }


def test_a_relative_interpreter_is_the_hosts() -> None:
    here = Path.cwd()
    for given, meant in [
        ("venv/bin/python", f"{here}/venv/bin/python"),
        ("./python3", f"{here}/python3"),
        ("python3.12", "python3.12"),
        ("/usr/lib:lib/python", "/usr/lib:lib/python"),
    ]:
        assert sidecar_environment({"PYTHON_PATH": given}, {}) == {"PYTHON_PATH": meant}
        assert wire_options({"python_path": given}) == {"pythonPath": meant}


def test_every_error_with_a_code_of_its_own_comes_back_as_itself() -> None:
    def leaves(error: type[SidecarError]) -> set[type[SidecarError]]:
        return set().union(*map(leaves, error.__subclasses__())) if error.__subclasses__() else {error}

    ours = leaves(client_errors.LostSidecar) | {client_errors.Closed}
    for error in leaves(SidecarError) - ours:
        if error.__module__ == "sidecar.errors":
            rebuilt = client_errors.from_wire({"code": error.code, "message": "m", "data": {"kind": "k", "x": 1}})
            assert (type(rebuilt), rebuilt.message, rebuilt.data) == (error, "m", {"kind": "k", "x": 1})
