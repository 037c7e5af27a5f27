"""Which `timeout`, `maxMemoryMB` and `pythonPath` counts: the call's, the registration's or the environment's."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import harness
import pytest
from sidecar_process import Sidecar

if TYPE_CHECKING:
    from collections.abc import Iterator

SLEEP = "import time\ndef run(args):\n    time.sleep(60)\n"
ALLOCATE = "def run(args):\n    return len(b'x' * (args << 20)) >> 20\n"
WHICH = "import sys\ndef run(args):\n    return sys.version\n"


@pytest.fixture(scope="module")
def configured() -> Iterator[Sidecar]:
    with Sidecar({"PYTHON_TIMEOUT_MS": "1300", "PYTHON_MAX_MEMORY_MB": "64"}) as started:
        started.call("register", id="sleep", code=SLEEP, timeout=700)
        started.call("register", id="allocate", code=ALLOCATE, maxMemoryMB=128)
        yield started


def times_out_after(sidecar: Sidecar, limit_ms: int, **params: object) -> bool:
    reply = sidecar.call("run", **params)
    error = reply["result"]["error"]
    return error["code"] == "timeout" and f"{limit_ms} ms" in error["message"] and reply["usage"]["wallMs"] >= limit_ms


def test_a_calls_timeout_wins_over_the_registrations_and_the_environments(configured: Sidecar) -> None:
    assert times_out_after(configured, 200, id="sleep", timeout=200)
    assert times_out_after(configured, 700, id="sleep")
    assert times_out_after(configured, 1300, code=SLEEP)
    assert times_out_after(configured, 900, id="sleep", timeout=900)  # it wins when it is longer, too
    assert times_out_after(configured, 200, code=SLEEP, timeout=200.0)  # JavaScript has one kind of number


def test_a_calls_memory_wins_over_the_registrations_and_the_environments(configured: Sidecar) -> None:
    def fits(size_mb: int, **params: object) -> bool:
        result = configured.call("run", args=size_mb, **params)["result"]
        assert result.get("data") == size_mb or result["error"]["code"] == "memory_limit"
        return bool(result["ok"])

    assert [fits(size, code=ALLOCATE) for size in (40, 96)] == [True, False]
    assert [fits(size, id="allocate") for size in (96, 160)] == [True, False]
    assert [fits(size, id="allocate", maxMemoryMB=256) for size in (160, 320)] == [True, False]
    assert [fits(size, id="allocate", maxMemoryMB=64) for size in (40, 96)] == [True, False]


def test_the_environment_sets_the_limits_that_initialize_tells(configured: Sidecar) -> None:
    limits = configured.call("initialize")["limits"]
    assert (limits["timeout"], limits["maxMemoryMB"]) == (1300, 64)


def test_the_default_memory_is_256_mb() -> None:
    with Sidecar() as plain:
        assert plain.run(ALLOCATE, 200)["result"] == {"ok": True, "data": 200}
        assert plain.run(ALLOCATE, 300)["result"]["error"]["code"] == "memory_limit"


def test_empty_variables_count_as_not_set() -> None:
    empty = {"PYTHON_PATH": "", "PYTHON_TIMEOUT_MS": "", "PYTHON_MAX_MEMORY_MB": ""}
    with Sidecar(empty) as plain:
        limits = plain.call("initialize")["limits"]
        assert (limits["timeout"], limits["maxMemoryMB"]) == (30_000, 256)
        assert plain.run(WHICH)["result"]["ok"] is True


def test_a_calls_python_path_wins_over_the_registrations_and_the_environments() -> None:
    found = harness.supported()
    if len(found) < 2:
        pytest.skip("this machine has one supported interpreter only")
    first, second = str(found[0].path), str(found[-1].path)
    with Sidecar({"PYTHON_PATH": first}) as sidecar:
        by_environment = sidecar.run(WHICH)["result"]["data"]
        by_call = sidecar.run(WHICH, pythonPath=second)["result"]["data"]
        assert by_environment != by_call
        sidecar.call("register", id="which", code=WHICH, pythonPath=second)
        assert sidecar.call("run", id="which")["result"]["data"] == by_call
        assert sidecar.call("run", id="which", pythonPath=first)["result"]["data"] == by_environment
        assert sidecar.call("stats")["gauges"]["zygotes"] == 2


def test_a_virtual_environments_python_is_a_python_path() -> None:
    with Sidecar({"PYTHON_PATH": sys.executable}) as sidecar:
        assert sidecar.run(WHICH)["result"]["data"] == sys.version


MALFORMED = [
    ("PYTHON_TIMEOUT_MS", "soon"),
    ("PYTHON_TIMEOUT_MS", "0"),
    ("PYTHON_TIMEOUT_MS", "-1"),
    ("PYTHON_TIMEOUT_MS", "1e3"),
    ("PYTHON_MAX_MEMORY_MB", "256MB"),
    ("PYTHON_MAX_MEMORY_MB", "99999999999999999999999"),
    ("PYTHON_PATH", "/usr/lib"),
]


@pytest.mark.parametrize(("variable", "value"), MALFORMED)
def test_a_malformed_variable_is_named_in_every_reply(variable: str, value: str) -> None:
    with Sidecar({variable: value}) as sidecar:
        for method, params in (("initialize", {}), ("run", {"code": WHICH})):
            error = sidecar.error(method, **params)
            assert variable in error["message"]
            assert error["code"] == -32602
        assert sidecar.processes() == []
