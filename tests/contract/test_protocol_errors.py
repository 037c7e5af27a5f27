"""The table of protocol errors: a call that never reached a tool, and why."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sidecar_process import COMMAND, Message, Sidecar
from tables import table

from sidecar import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

ECHO = "def run(args):\n    return args\n"
SLEEP = "import time\ndef run(args):\n    print('started', flush=True)\n    time.sleep(60)\n"
NARROW = {"PYRUNNER_MAX_QUEUE": "1", "PYRUNNER_MAX_CONCURRENCY": "1"}


@pytest.fixture(scope="module")
def sidecar() -> Iterator[Sidecar]:
    with Sidecar() as started:
        yield started


@pytest.fixture(scope="module")
def without_sandbox() -> Iterator[Sidecar]:
    """A sidecar on a machine whose kernel refuses every layer that it is asked for."""
    wrapper = Path(__file__).parent.parent / "refuse_calls.py"
    with Sidecar(command=(sys.executable, str(wrapper), "both", *COMMAND)) as started:
        yield started


def test_each_code_of_the_contract_stands_for_its_kind() -> None:
    assert {str(error.code): error.kind for error in subclasses(errors.SidecarError)}.items() >= kinds().items()


def subclasses(base: type[errors.SidecarError]) -> list[type[errors.SidecarError]]:
    return [base, *(below for child in base.__subclasses__() for below in subclasses(child))]


def kinds() -> dict[str, str]:
    found: dict[str, str] = table("errors.json", "kinds")
    return found


def test_a_full_queue_refuses_and_says_when_to_come_again() -> None:
    with Sidecar(NARROW) as narrow:
        running = narrow.start("run", code=SLEEP, runId="r", stream=True)
        narrow.output_of("r", "started")
        queued = narrow.start("run", code=ECHO, args="queued")
        error = narrow.error("run", code=ECHO)
        assert (error["code"], error["data"]["kind"]) == (-32013, "queue_full")
        assert type(error["data"]["retryAfterMs"]) is int
        assert error["data"]["retryAfterMs"] > 0
        narrow.notify("$/cancelRequest", id=running)
        assert narrow.reply(running)["error"]["code"] == -32800
        assert narrow.reply(queued)["result"]["result"]["data"] == "queued"
        assert narrow.run(ECHO, 1)["result"]["data"] == 1


def test_the_queue_is_bounded_while_an_interpreter_starts() -> None:
    with Sidecar(NARROW) as narrow:
        narrow.run(ECHO)
        requests = [narrow.start("run", code=ECHO, pythonPath=sys.executable) for _ in range(20)]
        replies = [narrow.reply(request) for request in requests]
        refused = [reply for reply in replies if "error" in reply]
        assert all(reply["error"]["data"]["kind"] == "queue_full" for reply in refused)
        assert len(refused) >= 10


def refusal(sidecar: Sidecar, method: str, params: Message) -> Message:
    error = sidecar.error(method, **params)
    assert (error["code"], error["data"]["kind"]) == (-32014, "sandbox_unavailable")
    return error


@pytest.mark.parametrize(
    ("method", "params"),
    [("run", {"code": ECHO}), ("validate", {"code": ECHO}), ("register", {"id": "a", "code": ECHO})],
)
def test_without_a_sandbox_nothing_runs_and_what_is_missing_is_named(
    without_sandbox: Sidecar, method: str, params: Message
) -> None:
    error = refusal(without_sandbox, method, params)
    assert error["data"]["missing"]
    for missing in error["data"]["missing"]:
        assert set(missing) == {"home", "layer", "reason", "fix"}
        assert all(missing.values())
        assert missing["layer"] in error["message"]


def test_without_a_sandbox_doctor_and_initialize_say_so(without_sandbox: Sidecar) -> None:
    examined = without_sandbox.call("doctor")
    assert examined["ok"] is False
    assert any(not check["ok"] and check["hint"] for check in examined["checks"])
    initialized = without_sandbox.call("initialize")
    assert initialized["isolation"]["level"] != "strict"
    assert initialized["missing"]


def test_without_a_sandbox_the_sidecar_goes_on_answering(without_sandbox: Sidecar) -> None:
    for _ in range(20):
        refusal(without_sandbox, "run", {"code": ECHO})
    assert without_sandbox.call("stats")["gauges"]["running"] == 0
    assert without_sandbox.call("list") == {"tools": []}


@pytest.mark.parametrize("path", ["/nonexistent/python3", "python-that-is-nowhere", "/etc/passwd", "/bin/true", "/usr"])
def test_an_interpreter_that_is_none_is_not_found(sidecar: Sidecar, path: str) -> None:
    for method, params in (
        ("run", {"code": ECHO}),
        ("validate", {"code": ECHO}),
        ("register", {"id": "a", "code": ECHO}),
    ):
        error = sidecar.error(method, pythonPath=path, **params)
        assert (error["code"], error["data"]["kind"]) == (-32015, "interpreter_not_found")
        assert error["message"].startswith("Failed to spawn Python process: ")
        (candidate,) = error["data"]["candidates"]
        assert set(candidate) == {"path", "reason"}
        assert candidate["path"] == path
        assert candidate["reason"]
    assert sidecar.run(ECHO, 1)["result"]["data"] == 1


def test_an_interpreter_of_the_environment_that_is_none_is_reported_by_the_calls() -> None:
    with Sidecar({"PYTHON_PATH": "/nonexistent/python3"}) as lost:
        assert lost.error("run", code=ECHO)["data"]["kind"] == "interpreter_not_found"
        assert lost.call("doctor")["ok"] is False
        assert lost.run(ECHO, 1, pythonPath=sys.executable)["result"]["data"] == 1


def test_after_shutdown_every_request_is_refused(sidecar: Sidecar) -> None:
    with Sidecar() as ending:
        assert ending.call("shutdown") is None
        for method, params in (("run", {"code": ECHO}), ("list", {}), ("shutdown", {}), ("stats", {})):
            error = ending.error(method, **params)
            assert (error["code"], error["data"]["kind"]) == (-32016, "shutting_down")
        assert ending.error("nope")["code"] == -32601
    assert sidecar.run(ECHO, 1)["result"]["data"] == 1
