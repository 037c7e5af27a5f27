"""A compromised worker sends anything: wrong lengths, a gigabyte's length, deep JSON, two results, words after the end.

Fuzzed against the sidecar's real end of the channel, without a process behind it: whatever comes, the sidecar keeps a
bounded part of it, ends up with one terminal frame at most, and makes of that a result in the protocol's shape.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sidecar.config import Limits
from sidecar.runner import verdict
from sidecar.runner.channel import BROKEN
from sidecar.runner.ended import Ended
from sidecar.runner.mount_namespaces import HeldMounts
from sidecar.runner.removals import Removals
from sidecar.runner.resources import Share
from sidecar.runner.worker import TERMINAL_KINDS, Worker
from sidecar.worker import wire
from sidecar.worker.frames import HEADER, encode

RESULT_MAX_BYTES = 4096
KINDS = (
    wire.LIMITS, wire.CODE, wire.ARGUMENTS, wire.READY, wire.SCRATCH, wire.VIOLATION, wire.TALLY, wire.REFUSED,
    wire.RESULT, wire.FAILURE, wire.DIAGNOSTICS, wire.COMPILED, wire.MOUNTS,
)  # fmt: skip
# What the sidecar may say of a worker that ended by SIGKILL without a word that it takes.
CODES = frozenset({
    "ok", "tool_returned_error", "crashed", "tool_error", "memory_limit", "result_too_large", "not_serializable",
    "syntax_error", "no_entry_point", "exited",
})  # fmt: skip
BOUNDS = verdict.Bounds(1000, 64, 1000, 1000)
READY = encode(wire.READY, b'{"layers": ["seccomp"], "cpu_us": 1, "watched": true}')

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_words = st.fixed_dictionaries(
    {},
    optional={
        "ok": _json, "data": _json, "error": _json, "code": st.sampled_from(sorted(CODES)) | _json, "message": _json,
        "type": _json, "traceback": _json, "runId": st.text(max_size=20), "id": st.integers(), "usage": _json,
        "isolation": _json, "line": _json, "index": _json, "counts": _json,
    },
)  # fmt: skip
_payloads = st.one_of(
    st.binary(max_size=100),
    _words.map(lambda words: json.dumps(words).encode()),
    _json.map(lambda value: json.dumps(value).encode()),
    st.integers(1, 4000).map(lambda depth: b'{"ok": true, "data": ' + b"[" * depth + b"]" * depth + b"}"),
    st.integers(0, 2 * RESULT_MAX_BYTES).map(lambda size: b"9" * size),
)
_pieces = st.one_of(
    st.tuples(st.sampled_from(KINDS) | st.integers(0, 255), _payloads).map(lambda frame: encode(*frame)),
    st.tuples(st.integers(0, 255), st.integers(0, 2**32 - 1)).map(lambda header: HEADER.pack(*header)),
    st.binary(max_size=30),
)
GIGABYTE = HEADER.pack(wire.RESULT, 1 << 30)
OK = encode(wire.RESULT, b'{"ok": true, "data": 1}')


async def _heard(stream: bytes) -> tuple[Worker, tuple[int, bytes] | None]:
    """Return what the sidecar's end makes of a worker that says `stream` and is gone."""
    worker = Worker(Limits(result_max_bytes=RESULT_MAX_BYTES), Share(1, None, "", HeldMounts(), Removals()), "strict")
    channel, stdout, stderr = worker.remote
    with socket.socket(fileno=channel) as theirs:
        theirs.setblocking(False)  # noqa: FBT003 - positional only
        rest = memoryview(READY + stream)
        while rest and not worker.terminal.done():
            try:
                rest = rest[theirs.send(rest) :]
            except (BlockingIOError, ConnectionError):
                await asyncio.sleep(0)
    os.close(stdout)
    os.close(stderr)
    terminal = await asyncio.wait_for(worker.terminal, 10)
    assert len(worker.channel._decoder._buffer) <= HEADER.size + wire.DIAGNOSTICS_MAX_BYTES
    worker.discard()
    return worker, terminal


@settings(database=None, deadline=None, max_examples=150)
@given(st.lists(_pieces, max_size=12).map(b"".join))
@example(GIGABYTE + b"x" * 10_000)
@example(OK + OK)
@example(OK + GIGABYTE)
@example(encode(wire.RESULT, b"[" * 4000) + OK)
@example(READY + OK)
def test_whatever_a_worker_says_is_one_outcome_in_the_protocols_shape(stream: bytes) -> None:
    worker, terminal = asyncio.run(_heard(stream))
    assert terminal is None or terminal == BROKEN or terminal[0] in TERMINAL_KINDS
    judged = verdict.read(terminal) or verdict.judge(None, Ended(signal.SIGKILL, 0, 0), BOUNDS)
    result = json.loads(judged.result, parse_constant=_refuse)
    assert judged.code in CODES
    assert "ok" in result
    if result["ok"] is False and judged.code != "tool_returned_error":
        assert result["error"]["code"] == judged.code
        assert set(result["error"]) <= {"message", "type", "code", "traceback", "line", "column", "hint"}
    violations = worker.reported.read()
    assert violations is None or len(violations.listed) <= wire.VIOLATIONS_MAX


def _refuse(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


def test_the_first_of_two_results_counts_and_nothing_behind_it() -> None:
    _, terminal = asyncio.run(_heard(OK + encode(wire.RESULT, b'{"ok": true, "data": 2}') + GIGABYTE))
    assert terminal == (wire.RESULT, b'{"ok": true, "data": 1}')


def test_a_gigabytes_length_is_refused_at_its_header() -> None:
    _, terminal = asyncio.run(_heard(GIGABYTE))
    assert terminal == BROKEN
