from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.runner import verdict
from sidecar.runner.ended import LOST, Ended
from sidecar.worker import wire

if TYPE_CHECKING:
    from harness import ToolRunner

BOUNDS = verdict.Bounds(timeout_ms=1000, max_memory_mb=100, max_cpu_ms=5000, discard_max_bytes=777)
MIB_KB = 1024

OK = (wire.RESULT, b'{"ok":true,"data":1}')
FAILED = (wire.FAILURE, b'{"code":"tool_error","type":"ValueError","message":"m","line":3}')
EXITED_0 = Ended(0, 1000, 10 * MIB_KB)
EXITED_7 = Ended(7 << 8, 1000, 10 * MIB_KB)
KILLED = Ended(signal.SIGKILL, 1000, 10 * MIB_KB)
SEGFAULT = Ended(signal.SIGSEGV, 1000, 10 * MIB_KB)
DUMPED = Ended(signal.SIGSEGV | 0x80, 1000, 10 * MIB_KB)
AT_MEMORY = Ended(signal.SIGSEGV, 1000, 99 * MIB_KB)
AT_CPU = Ended(signal.SIGKILL, 5_000_000, 10 * MIB_KB)
XCPU = Ended(signal.SIGXCPU, 5_000_000, 10 * MIB_KB)
# The kernel's limit counts ticks of its clock, its report does not: the two differ by a few of them.
ALMOST_AT_CPU = Ended(signal.SIGKILL, 4_950_000, 10 * MIB_KB)


def judged_of(terminal: tuple[int, bytes] | None, cause: verdict.Cause | None, ended: Ended) -> verdict.Verdict:
    """As a call does it."""
    return verdict.read(terminal) or verdict.judge(cause, ended, BOUNDS)


@pytest.mark.parametrize(
    ("terminal", "cause", "ended", "code"),
    [
        (OK, None, KILLED, "ok"),
        (OK, None, EXITED_0, "ok"),
        (OK, None, LOST, "ok"),
        (OK, None, AT_MEMORY, "ok"),
        (OK, "timeout", KILLED, "ok"),
        (OK, "output_limit", KILLED, "ok"),
        (FAILED, None, KILLED, "tool_error"),
        (FAILED, "timeout", KILLED, "tool_error"),
        (None, "timeout", KILLED, "timeout"),
        (None, "timeout", EXITED_7, "timeout"),
        (None, "timeout", AT_MEMORY, "timeout"),
        (None, "timeout", AT_CPU, "timeout"),
        (None, "timeout", LOST, "timeout"),
        (None, "output_limit", KILLED, "output_limit"),
        (None, None, EXITED_0, "exited"),
        (None, None, EXITED_7, "exited"),
        (None, None, KILLED, "crashed"),
        (None, None, SEGFAULT, "crashed"),
        (None, None, DUMPED, "crashed"),
        (None, None, LOST, "crashed"),
        (None, None, AT_MEMORY, "memory_limit"),
        (None, None, AT_CPU, "cpu_limit"),
        (None, None, XCPU, "cpu_limit"),
        (None, None, ALMOST_AT_CPU, "cpu_limit"),
        ((wire.RESULT, b"nonsense"), None, KILLED, "crashed"),
        ((wire.DIAGNOSTICS, b"[]"), None, KILLED, "crashed"),
    ],
)
def test_the_first_cause_wins(
    terminal: tuple[int, bytes] | None, cause: verdict.Cause | None, ended: Ended, code: str
) -> None:
    judged = judged_of(terminal, cause, ended)
    assert judged.code == code
    result = json.loads(judged.result)
    assert "ok" in result
    if result["ok"] is not True:
        assert result["error"]["code"] == code
        assert {"message", "type"} <= set(result["error"])


@pytest.mark.parametrize(
    ("cause", "ended", "type_name", "word"),
    [
        ("timeout", KILLED, "TimeoutError", "1000 ms"),
        ("output_limit", KILLED, "OutputLimitExceeded", "777"),
        (None, AT_MEMORY, "MemoryError", "100 MB"),
        (None, AT_CPU, "TimeoutError", "5000 ms"),
        (None, EXITED_7, "SystemExit", "status 7"),
        (None, SEGFAULT, "SystemError", "SIGSEGV"),
        (None, DUMPED, "SystemError", "SIGSEGV"),
        (None, Ended(64, 0, 0), "SystemError", "signal"),
    ],
)
def test_a_verdict_names_the_limit_or_the_signal(
    cause: verdict.Cause | None, ended: Ended, type_name: str, word: str
) -> None:
    error = json.loads(judged_of(None, cause, ended).result)["error"]
    assert error["type"] == type_name
    assert word in error["message"]
    assert error["hint"]


def test_a_result_is_passed_on_byte_for_byte() -> None:
    payload = '{"ok": true,  "data": [1.10, "é", 12345678901234567890123456789, {"ok": 2}]}'.encode()
    assert judged_of((wire.RESULT, payload), None, KILLED).result == payload


@pytest.mark.parametrize(
    "code",
    ["tool_error", "memory_limit", "result_too_large", "not_serializable", "syntax_error", "no_entry_point", "exited"],
)
def test_a_worker_may_report_its_own_failures(code: str) -> None:
    payload = json.dumps({"code": code, "type": "T", "message": "m", "column": 2, "hint": "h"}).encode()
    judged = judged_of((wire.FAILURE, payload), None, KILLED)
    assert judged.code == code
    assert json.loads(judged.result)["error"] == {"code": code, "type": "T", "message": "m", "column": 2, "hint": "h"}


@pytest.mark.parametrize(
    "code", ["timeout", "cpu_limit", "output_limit", "invalid_args", "crashed", "ok", "", 5, None, [], {}]
)
def test_a_worker_may_not_report_what_only_the_sidecar_knows(code: object) -> None:
    payload = json.dumps({"code": code, "type": "T", "message": "m"}).encode()
    assert judged_of((wire.FAILURE, payload), None, KILLED).code == "crashed"


@pytest.mark.parametrize("depth", [200, 500, 5000, 200_000])
def test_a_result_deeper_than_hosts_can_parse_is_not_passed_on(depth: int) -> None:
    payload = b'{"ok":true,"data":' + b"[" * depth + b"]" * depth + b"}"
    assert judged_of((wire.RESULT, payload), None, KILLED).code == "crashed"


@pytest.mark.parametrize("escape", [b'"\\ud800"', b'{"\\udfff":1}', b'"\\ude00\\ud83d"'])
def test_a_result_with_a_lone_surrogate_is_not_passed_on(escape: bytes) -> None:
    payload = b'{"ok":true,"data":' + escape + b"}"
    assert judged_of((wire.RESULT, payload), None, KILLED).code == "crashed"


def test_a_failure_with_a_lone_surrogate_shows_it_escaped() -> None:
    payload = b'{"code":"tool_error","type":"T","message":"a\\ud800b"}'
    error = json.loads(judged_of((wire.FAILURE, payload), None, KILLED).result)["error"]
    assert error["message"] == "a\\ud800b"


@pytest.mark.parametrize("depth", [1, 100, 127])
def test_a_result_as_deep_as_allowed_is_passed_on(depth: int) -> None:
    payload = b'{"ok":true,"data":' + b"[" * depth + b"]" * depth + b"}"
    assert judged_of((wire.RESULT, payload), None, KILLED).code == "ok"


def test_a_pair_of_surrogates_is_one_character_and_passed_on() -> None:
    payload = b'{"ok":true,"data":"\\ud83d\\ude00 \\\\ud800"}'
    assert judged_of((wire.RESULT, payload), None, KILLED).result == payload


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)


@settings(database=None, max_examples=300, deadline=None)
@given(
    kind=st.sampled_from([wire.RESULT, wire.FAILURE, wire.DIAGNOSTICS, 0]),
    payload=st.binary() | _JSON.map(lambda v: json.dumps(v).encode()),
)
def test_no_frame_breaks_the_judge(kind: int, payload: bytes) -> None:
    judged = judged_of((kind, payload), None, KILLED)
    result = json.loads(judged.result)
    assert "ok" in result


@settings(database=None, max_examples=300, deadline=None)
@given(
    fields=st.dictionaries(
        st.sampled_from(["code", "type", "message", "line", "column", "hint", "traceback", "x"]), _JSON
    )
)
def test_no_failure_breaks_the_judge_or_says_more_than_it_may(fields: dict[str, object]) -> None:
    judged = judged_of((wire.FAILURE, json.dumps(fields).encode()), None, KILLED)
    error = json.loads(judged.result)["error"]
    assert set(error) <= {"code", "type", "message", "line", "column", "hint", "traceback"}
    assert isinstance(error["message"], str)
    assert isinstance(error["type"], str)


@pytest.mark.parametrize("character", ["x", "\u6f22", "\U0001f40d", "\udc80", '"'])
def test_a_long_failure_comes_through_in_any_script(runner: ToolRunner, character: str) -> None:
    code = f"def run(args):\n    raise ValueError({character!a} * 200000)"
    error = runner.run(code).error
    assert (error["code"], error["type"]) == ("tool_error", "ValueError")
    assert "characters cut" in error["message"]
    assert error["traceback"].startswith(("Traceback", "cut:"))


def test_a_failure_of_many_values_is_not_even_parsed() -> None:
    forged = b'{"code":"tool_error","message":"m","x":[' + b"1," * 500_000 + b"1]}"
    read = verdict.read((wire.FAILURE, forged))
    assert read is not None
    assert read.code == "crashed"
