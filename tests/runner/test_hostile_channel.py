from __future__ import annotations

from typing import TYPE_CHECKING

import harness
import pytest

from sidecar.config import Limits
from sidecar.worker import wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness import ToolRunner

FRAME = """
import json, os, struct
def frame(kind, payload):
    data = struct.pack("!BI", kind, len(payload)) + payload
    while data:
        data = data[os.write(3, data):]
def spin():
    while True: pass
"""


def _sending(body: str) -> str:
    return f"{FRAME}\ndef run(args):\n    print('before')\n    {body}\n"


@pytest.mark.parametrize(
    "body",
    [
        "os.write(3, b'garbage' * 1000)",
        "os.write(3, b'\\x00' * 4096)",
        "os.write(3, b'\\xff' * 4096)",
        "os.write(3, struct.pack('!BI', 0x30, 0xFFFFFFFF))",
        f"frame({wire.READY}, b'{{}}')",
        f"frame({wire.REFUSED}, b'{{}}')",
        f"frame({wire.LIMITS}, b'{{}}')",
        f"frame({wire.DIAGNOSTICS}, b'[]')",
        f"frame({wire.RESULT}, b'')",
        f"frame({wire.RESULT}, b'not json')",
        f"frame({wire.RESULT}, b'[]')",
        f"frame({wire.RESULT}, b'null')",
        f"frame({wire.RESULT}, b'{{}}')",
        f"frame({wire.RESULT}, b'{{\"data\": 1}}')",
        f"frame({wire.RESULT}, b'{{\"ok\": NaN}}')",
        f'frame({wire.RESULT}, b\'{{"ok": true, "data": Infinity}}\')',
        f'frame({wire.RESULT}, b\'{{"ok": true, "data": "\\xff"}}\')',
        f'frame({wire.RESULT}, b\'{{"ok": true}} {{"ok": true}}\')',
        f"frame({wire.RESULT}, b'{{\"ok\": true}}\\r\\n\\r\\nContent-Length: 5')",
        f"frame({wire.RESULT}, b'{{\"ok\": ' + b'[' * 100000 + b']' * 100000 + b'}}')",
        f"frame({wire.RESULT}, b'{{\"ok\": true, \"data\": ' + b'[' * 500 + b']' * 500 + b'}}')",
        f'frame({wire.RESULT}, b\'{{"ok": true, "data": "\\\\ud800"}}\')',
        f"frame({wire.FAILURE}, b'{{}}')",
        f"frame({wire.FAILURE}, b'[]')",
        f'frame({wire.FAILURE}, b\'{{"code": "timeout", "message": "forged"}}\')',
        f'frame({wire.FAILURE}, b\'{{"code": "invalid_args", "message": "forged"}}\')',
        f'frame({wire.FAILURE}, b\'{{"code": [], "message": "forged"}}\')',
        f'frame({wire.FAILURE}, b\'{{"code": {{}}, "message": "forged"}}\')',
    ],
)
def test_what_is_no_answer_is_a_crash_of_that_call_alone(runner: ToolRunner, body: str) -> None:
    reply = runner.run(_sending(body + "; spin()"), timeout_ms=300)
    assert reply.error["code"] in ("crashed", "timeout")
    assert "forged" not in reply.error["message"]
    assert reply.stdout == "before\n"
    assert reply.usage.wall_ms < 300 + harness.MARGIN_MS
    assert runner.run("def run(args): return 1").data == 1


def test_a_forged_answer_can_say_what_a_returned_one_could_and_no_more(runner: ToolRunner) -> None:
    reply = runner.run(_sending(f'frame({wire.RESULT}, b\'{{"ok":true,"data":"forged"}}\'); spin()'))
    assert reply.data == "forged"
    assert reply.isolation.layers
    assert reply.usage.wall_ms > 0


def test_only_the_first_of_two_answers_counts(runner: ToolRunner) -> None:
    body = f'frame({wire.RESULT}, b\'{{"ok":true,"data":1}}\'); frame({wire.RESULT}, b\'{{"ok":true,"data":2}}\')'
    assert runner.run(_sending(body)).data == 1
    assert runner.run("def run(args): return 3").data == 3


def test_fields_that_a_failure_may_not_have_are_dropped(runner: ToolRunner) -> None:
    error = (
        "{'code': 'tool_error', 'type': 'T', 'message': 'm', 'line': 'one', 'column': True, 'hint': 5,"
        " 'traceback': None, 'errors': [1], 'ok': True}"
    )
    reply = runner.run(_sending(f"frame({wire.FAILURE}, json.dumps({error}).encode())"))
    assert reply.result == {"ok": False, "error": {"code": "tool_error", "type": "T", "message": "m"}}


def test_huge_numbers_in_a_forged_answer_cost_nothing(runner: ToolRunner) -> None:
    body = f"frame({wire.RESULT}, b'{{\"ok\":true,\"data\":' + b'9' * 2_000_000 + b'}}')"
    reply = runner.run(_sending(body))
    assert reply.code == "ok"
    assert len(reply.raw) > 2_000_000


def test_a_flood_of_the_channel_is_bounded_and_ends_at_the_deadline(
    runner_with: Callable[[Limits], ToolRunner],
) -> None:
    runner = runner_with(Limits(result_max_bytes=4096))
    body = "\n    while True: os.write(3, b'\\x30\\x00\\x00\\x00\\x00' * 10000)"
    reply = runner.run(_sending(body), timeout_ms=300)
    assert reply.error["code"] in ("crashed", "timeout")
    assert runner.run("def run(args): return 1").data == 1


def test_half_a_frame_and_then_silence_ends_at_the_deadline(runner: ToolRunner) -> None:
    reply = runner.run(_sending("os.write(3, b'\\x30\\x00\\x00\\x10\\x00{'); spin()"), timeout_ms=300)
    assert reply.error["code"] == "timeout"


def test_half_a_frame_and_then_the_end_is_exited(runner: ToolRunner) -> None:
    assert runner.run(_sending("os.write(3, b'\\x30\\x00\\x00\\x10\\x00{'); os._exit(0)")).error["code"] == "exited"


def test_arguments_that_a_tool_never_lets_be_read_hold_nothing_up(runner: ToolRunner) -> None:
    # The call's own bytes are read before any of its code runs, so a channel that is full cannot block the sidecar.
    reply = runner.run(_sending("spin()"), {"big": "x" * 5_000_000}, timeout_ms=600)
    assert reply.error["code"] == "timeout"


def test_a_tool_that_reads_its_channel_waits_in_vain(runner: ToolRunner) -> None:
    assert runner.run(_sending("return len(os.read(3, 100))"), timeout_ms=300).error["code"] == "timeout"
