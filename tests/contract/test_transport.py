"""The transport: frames in whatever way a host writes them, and nothing but frames on stdout."""

from __future__ import annotations

import fcntl
import json
import os
import struct
import termios
import time
from typing import TYPE_CHECKING

import pytest
from sidecar_process import WAIT_S, Sidecar, frame, request_text
from tables import Row, each, rows, text

if TYPE_CHECKING:
    from collections.abc import Iterator

ECHO = "def run(args):\n    return args\n"


@pytest.fixture(scope="module")
def sidecar() -> Iterator[Sidecar]:
    with Sidecar() as started:
        yield started


def serves(sidecar: Sidecar) -> bool:
    """Whether a call still gets its own answer."""
    return bool(sidecar.run(ECHO, [1, "still here"])["result"] == {"ok": True, "data": [1, "still here"]})


def wait_until_read(sidecar: Sidecar) -> None:
    """Wait until the sidecar has read all that was written to its stdin, by the pipe's own word."""
    deadline = time.monotonic() + WAIT_S
    while struct.unpack("i", fcntl.ioctl(sidecar._input, termios.FIONREAD, bytes(4)))[0]:
        assert time.monotonic() < deadline
        os.sched_yield()


def test_the_first_message_may_be_a_run() -> None:
    with Sidecar() as fresh:
        assert serves(fresh)


def test_register_and_run_need_no_handshake() -> None:
    with Sidecar() as fresh:
        registering = fresh.start("register", id="echo", code=ECHO)
        running = fresh.start("run", id="echo", args={"a": 1})
        assert set(fresh.reply(registering)["result"]) == {"id", "codeHash"}
        assert fresh.reply(running)["result"]["result"] == {"ok": True, "data": {"a": 1}}


@each("framing.json", "accepted", "name")
def test_a_header_is_read_however_it_is_spelled(sidecar: Sidecar, row: Row) -> None:
    body = request_text("header", "run", code=ECHO, args=row["name"]).encode()
    sidecar.send_bytes(row["headers"].replace("{length}", str(len(body))).encode("latin-1") + body)
    assert sidecar.reply("header")["result"]["result"]["data"] == row["name"]


def test_the_length_counts_bytes(sidecar: Sidecar) -> None:
    body = '{"jsonrpc":"2.0","id":"ї🙂","method":"list"}'
    sidecar.send_bytes(b"Content-Length: %d\r\n\r\n%b" % (len(body.encode()), body.encode()))
    assert "tools" in sidecar.reply("ї🙂")["result"]


@each("framing.json", "refused", "name")
def test_input_that_is_no_frame_gets_one_error_and_the_next_frame_its_answer(sidecar: Sidecar, row: Row) -> None:
    sidecar.send_bytes(text(row["input"]).encode("latin-1"))
    sidecar.send(request_text("next", "list"))
    refused = sidecar.receive()
    assert (refused["id"], refused["error"]["code"]) == (None, -32600)
    assert sidecar.receive()["id"] == "next"
    assert serves(sidecar)


def test_bodies_behind_refused_headers_are_not_taken_for_requests(sidecar: Sidecar) -> None:
    sidecar.send_bytes(b"Content-Length: 999999999999\r\n\r\n" + request_text("hidden", "list").encode())
    sidecar.send_bytes(b"\r\n" + frame(request_text("next", "list")))
    assert sidecar.receive()["error"]["code"] == -32600
    assert sidecar.receive()["id"] == "next"


def test_a_message_above_the_limit_is_refused_and_the_next_one_answered() -> None:
    with Sidecar({"PYRUNNER_MAX_MESSAGE_BYTES": "65536"}) as small:
        small.send(request_text(1, "run", code=ECHO, args="x" * 70_000))
        refused = small.receive()
        assert (refused["id"], refused["error"]["code"]) == (None, -32600)
        assert serves(small)


def test_a_request_may_arrive_in_two_reads_split_at_any_byte(sidecar: Sidecar) -> None:
    data = frame(request_text("split", "unregister", id="ї🙂"))
    for cut in range(1, len(data)):
        sidecar.send_bytes(data[:cut])
        wait_until_read(sidecar)
        sidecar.send_bytes(data[cut:])
        assert sidecar.reply("split")["error"]["data"]["kind"] == "tool_not_found"


def test_a_request_may_arrive_byte_by_byte(sidecar: Sidecar) -> None:
    for byte in frame(request_text("slow", "list")):
        sidecar.send_bytes(bytes([byte]))
        wait_until_read(sidecar)
    assert "tools" in sidecar.reply("slow")["result"]


def test_many_requests_may_arrive_in_one_write(sidecar: Sidecar) -> None:
    bodies = [request_text(f"of many {index}", "run", code=ECHO, args=index) for index in range(20)]
    sidecar.send_bytes(b"".join(map(frame, bodies)))
    for index in reversed(range(20)):
        assert sidecar.reply(f"of many {index}")["result"]["result"]["data"] == index


def test_a_message_of_megabytes_goes_through(sidecar: Sidecar) -> None:
    words = "ї" * 2_000_000
    assert sidecar.run(ECHO, words)["result"]["data"] == words


NOISE = {
    "print": "print('x' * 100, flush=True)",
    "print what looks like a frame": "print('Content-Length: 2\\r\\n\\r\\n{}', flush=True)",
    "write to descriptor 1": "os.write(1, b'Content-Length: 2\\r\\n\\r\\n{}')",
    "write to descriptor 2": "os.write(2, b'Content-Length: 2\\r\\n\\r\\n{}')",
    "C's own output": "libc = ctypes.CDLL(None); libc.puts(b'Content-Length: 2')",
    "the interpreter's first stdout": "sys.__stdout__.write('x' * 100_000)",
    "two megabytes": "sys.stdout.write('x' * 2_000_000); sys.stderr.write('y' * 2_000_000)",
    "closed streams": "os.close(1); os.close(2)",
    "raw bytes": "os.write(1, bytes(range(256)))",
}


@pytest.mark.parametrize("statement", NOISE.values(), ids=NOISE)
def test_stdout_carries_frames_only_when_a_tool_does(sidecar: Sidecar, statement: str) -> None:
    reply = sidecar.run(f"import ctypes, os, sys\ndef run(args):\n    {statement}\n    return 'done'\n")
    assert reply["result"] == {"ok": True, "data": "done"}
    assert serves(sidecar)


def test_a_tool_that_writes_to_every_descriptor_gets_one_reply_and_harms_no_other(sidecar: Sidecar) -> None:
    code = (
        "import os\ndef run(args):\n  for fd in range(3, 256):\n    try:\n"
        "      os.write(fd, b'Content-Length: 2\\r\\n\\r\\n{}' * 100)\n    except OSError: pass\n  return 'done'\n"
    )
    reply = sidecar.run(code, timeout=5000)
    # Its own channel is among them: what it wrote there is no result, and the call is lost.
    assert reply["result"]["error"]["code"] in ("crashed", "exited")
    assert serves(sidecar)


def test_logs_go_to_stderr() -> None:
    with Sidecar({"PYRUNNER_LOG": "debug", "PYTHON_TIMEOUT_MS": "soon"}) as misconfigured:
        misconfigured.error("list")
        assert "PYTHON_TIMEOUT_MS" in misconfigured.stderr()


def test_no_input_ends_the_process(sidecar: Sidecar) -> None:
    for row in rows("framing.json", "refused"):
        sidecar.send_bytes(text(row["input"]).encode("latin-1"))
    for row in rows("errors.json", "messages"):
        sidecar.send(row["body"])
    sidecar.send(json.dumps({"jsonrpc": "2.0", "id": "the last", "method": "list"}))
    assert "tools" in sidecar.reply("the last")["result"]
    sidecar._unclaimed.clear()
    assert serves(sidecar)
