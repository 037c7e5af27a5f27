"""What a tool forges of its own violations: bounded, in their shape, printable, and of no consequence."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import harness
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.runner.outcome import Violation
from sidecar.runner.violations import Reported
from sidecar.worker import wire
from sidecar.worker.frames import FrameError

if TYPE_CHECKING:
    from harness import ToolRunner

FRAME = """
import json, os, struct
def frame(kind, payload):
    data = struct.pack("!BI", kind, len(payload)) + payload
    while data:
        data = data[os.write(3, data):]
"""

ENTRY = {"index": 0, "call": "open", "argument": "/etc/passwd", "line": 3, "policy": wire.FILES}


def _sending(body: str) -> str:
    return f"{FRAME}\ndef run(args):\n    {body}\n    return 'fine'\n"


def _read(*entries: Any, tally: Any = None) -> tuple[tuple[Violation, ...], int]:
    reported = Reported()
    reported.is_watched = True
    for entry in entries:
        reported.take(wire.VIOLATION, entry if isinstance(entry, bytes) else json.dumps(entry).encode())
    if tally is not None:
        reported.take(wire.TALLY, tally if isinstance(tally, bytes) else json.dumps(tally).encode())
    found = reported.read()
    assert found is not None
    return found.listed, found.omitted


def test_a_forged_entry_can_say_what_a_true_one_could_and_no_more(runner: ToolRunner) -> None:
    body = f"frame({wire.VIOLATION}, json.dumps({ENTRY!r}).encode())"
    reply = runner.run(_sending(body))
    assert reply.data == "fine"
    assert reply.refused.listed == (Violation("open", "/etc/passwd", wire.POLICIES[wire.FILES], 1, 3),)


@pytest.mark.parametrize(
    "body",
    [
        f"frame({wire.VIOLATION}, b'x' * {wire.VIOLATION_MAX_BYTES + 1})",
        f"frame({wire.TALLY}, b'x' * {wire.VIOLATION_MAX_BYTES + 1})",
        f"[frame({wire.VIOLATION}, b'{{}}') for _ in range({wire.VIOLATION_FRAMES_MAX + 1})]",
        f"[frame({wire.TALLY}, b'{{}}') for _ in range({wire.TALLIES_MAX + 1})]",
        f"while True: os.write(3, b'\\x{wire.VIOLATION:02x}\\0\\0\\0\\0' * 10_000)",
        f"frame({wire.SCRATCH}, b'')",
    ],
)
def test_more_than_a_worker_would_send_is_the_end_of_that_call_alone(runner: ToolRunner, body: str) -> None:
    code = _sending(body + "\n    while True: pass")
    with ThreadPoolExecutor() as pool:
        hostile = pool.submit(runner.run, code, timeout_ms=1000)
        assert runner.run("def run(args): return 1").data == 1
        reply = hostile.result()
    assert reply.error["code"] in ("crashed", "timeout")
    assert reply.usage.wall_ms < 1000 + harness.MARGIN_MS
    assert len(reply.refused.listed) <= wire.VIOLATIONS_MAX
    assert runner.run("def run(args): return 1").data == 1


def test_an_entry_that_trickles_in_keeps_nobody_busy_and_is_taken(runner: ToolRunner) -> None:
    body = (
        f"payload = json.dumps({ENTRY!r}).encode()\n"
        f"    for byte in struct.pack('!BI', {wire.VIOLATION}, len(payload)) + payload: os.write(3, bytes([byte]))"
    )
    reply = runner.run(_sending(body))
    assert (reply.data, len(reply.refused.listed)) == ("fine", 1)


def test_half_an_entry_before_the_answer_costs_the_call_its_result(runner: ToolRunner) -> None:
    body = f"os.write(3, struct.pack('!BI', {wire.VIOLATION}, 500))"
    assert runner.run(_sending(body), timeout_ms=1000).error["code"] in ("crashed", "timeout", "exited")


def test_nothing_of_it_comes_after_the_answer(runner: ToolRunner) -> None:
    answer = 'frame(0x30, b\'{"ok":true,"data":1}\')'
    body = f"{answer}; frame({wire.VIOLATION}, json.dumps({ENTRY!r}).encode())"
    reply = runner.run(_sending(body))
    assert (reply.data, reply.refused.listed) == (1, ())


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b"[" * 1000,
        b'{"call": NaN}',
        {},
        {**ENTRY, "index": -1},
        {**ENTRY, "index": wire.VIOLATIONS_MAX},
        {**ENTRY, "index": True},
        {**ENTRY, "index": 1.0},
        {**ENTRY, "index": None},
        {**ENTRY, "call": ""},
        {**ENTRY, "call": "two words"},
        {**ENTRY, "call": "x" * 65},
        {**ENTRY, "call": "open\n"},
        {**ENTRY, "call": 5},
        {**ENTRY, "argument": None},
        {**ENTRY, "argument": ["x"]},
        {**ENTRY, "policy": "the host allows it"},
        {**ENTRY, "policy": {}},
        {**ENTRY, "policy": None},
    ],
)
def test_what_has_not_the_shape_of_an_entry_is_left_out(entry: Any) -> None:
    assert _read(ENTRY, entry)[0] == _read(ENTRY)[0]


def test_entries_stand_in_the_order_of_their_indices_and_the_last_of_one_counts() -> None:
    entries = [{**ENTRY, "index": index, "argument": argument} for index, argument in [(2, "c"), (0, "a"), (0, "b")]]
    listed, _ = _read(*entries, tally={"counts": [4, 5, 6]})
    assert [(one.argument, one.count) for one in listed] == [("b", 4), ("c", 6)]


@pytest.mark.parametrize("line", [None, 0, -1, True, 1.0, "1", 2**31, 10**900, [1]])
def test_a_line_that_is_none_is_left_out(line: Any) -> None:
    payload = json.dumps({**ENTRY, "line": "LINE"}).replace(
        '"LINE"', str(line) if type(line) is int else json.dumps(line)
    )
    ((one,), _) = _read(payload.encode())
    assert one.line is None


@pytest.mark.parametrize(
    ("argument", "shown"),
    [
        ("/etc/passwd", "/etc/passwd"),
        ("a\r\nb\0\x1b[31m", "a\\r\\nb\\x00\\x1b[31m"),
        ("\ud800", "\\ud800"),
        ("right-to-left \u202e", "right-to-left \\u202e"),
        ("é🐍", "é🐍"),
        ("x" * 900, "x" * 200),
        ("\n" * 400, "\\n" * 100),
    ],
)
def test_an_argument_is_one_printable_line_of_bounded_length(argument: str, shown: str) -> None:
    ((one,), _) = _read({**ENTRY, "argument": argument})
    assert one.argument == shown


@pytest.mark.parametrize(
    ("tally", "count", "omitted"),
    [
        ({"counts": [7], "omitted": 3}, 7, 3),
        ({"counts": [2**53 - 1], "omitted": 2**53 - 1}, 2**53 - 1, 2**53 - 1),
        ({"counts": [2**53], "omitted": 2**53}, 1, 0),
        ({"counts": [-1], "omitted": -1}, 1, 0),
        ({"counts": [True], "omitted": True}, 1, 0),
        ({"counts": [1.5], "omitted": "9"}, 1, 0),
        ({"counts": [], "omitted": None}, 1, 0),
        ({"counts": {"0": 5}}, 1, 0),
        (b"[" * 1000, 1, 0),
        (b"5", 1, 0),
    ],
)
def test_a_tally_that_cannot_be_is_none(tally: Any, count: int, omitted: int) -> None:
    (one,), found = _read(ENTRY, tally=tally)
    assert (one.count, found) == (count, omitted)


@given(st.lists(st.tuples(st.sampled_from((wire.VIOLATION, wire.TALLY, wire.RESULT)), st.binary(max_size=1100))))
def test_whatever_comes_is_read_or_refused_and_always_in_bounds(frames: list[tuple[int, bytes]]) -> None:
    reported = Reported()
    reported.is_watched = True
    for kind, payload in frames:
        try:
            reported.take(kind, payload)
        except FrameError:
            break
    found = reported.read()
    assert found is not None
    assert len(found.listed) <= wire.VIOLATIONS_MAX
    assert all(one.argument.isprintable() and len(one.argument) <= 200 for one in found.listed)
