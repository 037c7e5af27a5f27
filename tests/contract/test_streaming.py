"""`run/output`: what a tool prints, while it prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sidecar_process import Message, Sidecar

if TYPE_CHECKING:
    from collections.abc import Iterator

ECHO = "def run(args):\n    return args\n"


@pytest.fixture
def sidecar(running: Sidecar) -> Sidecar:
    running.notifications.clear()
    return running


@pytest.fixture(scope="module")
def running() -> Iterator[Sidecar]:
    with Sidecar() as started:
        yield started


def outputs(sidecar: Sidecar) -> list[Message]:
    assert all(message["method"] == "run/output" for message in sidecar.notifications)
    return [message["params"] for message in sidecar.notifications]


def test_output_comes_in_order_under_the_runs_id_and_adds_up_to_the_replys(sidecar: Sidecar) -> None:
    code = (
        "import sys\ndef run(args):\n  for n in range(500):\n"
        "    print(n, flush=True)\n    print(-n, file=sys.stderr, flush=True)\n"
    )
    reply = sidecar.run(code, runId="r1", stream=True)
    for params in outputs(sidecar):
        assert set(params) == {"runId", "stream", "text"}
        assert params["runId"] == "r1"
        assert params["stream"] in ("stdout", "stderr")
    assert sidecar.streamed("r1", "stdout") == reply["stdout"] == "".join(f"{n}\n" for n in range(500))
    assert sidecar.streamed("r1", "stderr") == reply["stderr"]


def test_output_comes_while_the_tool_runs(sidecar: Sidecar) -> None:
    request = sidecar.start(
        "run",
        code="import time\ndef run(args):\n    print('now', flush=True)\n    time.sleep(60)\n",
        stream=True,
        runId="r2",
    )
    sidecar.output_of("r2", "now\n")
    sidecar.notify("$/cancelRequest", id=request)
    assert sidecar.reply(request)["error"]["code"] == -32800


def test_nothing_comes_after_the_reply(sidecar: Sidecar) -> None:
    code = (
        "import os, threading\ndef flood():\n  while True: os.write(1, b'x' * 100)\n"
        "def run(args):\n  threading.Thread(target=flood, daemon=True).start()\n  return 'done'\n"
    )
    for number in range(10):
        sidecar.run(code, runId=f"after {number}", stream=True)
        seen = len(sidecar.notifications)
        sidecar.call("list")
        assert len(sidecar.notifications) == seen


def test_two_runs_are_told_apart(sidecar: Sidecar) -> None:
    code = "import time\ndef run(args):\n  for n in range(20):\n    print(args, flush=True)\n    time.sleep(0.005)\n"
    requests = [sidecar.start("run", code=code, args=name, runId=name, stream=True) for name in ("left", "right")]
    for request in requests:
        assert sidecar.reply(request)["result"]["result"]["ok"] is True
    assert sidecar.streamed("left") == "left\n" * 20
    assert sidecar.streamed("right") == "right\n" * 20


def test_a_run_without_an_id_gets_one(sidecar: Sidecar) -> None:
    code = "def run(args):\n    print(args)\n"
    first, second = sidecar.run(code, "a", stream=True), sidecar.run(code, "b", stream=True)
    assert first["runId"] != second["runId"]
    assert sidecar.streamed(first["runId"]) == "a\n"
    assert sidecar.streamed(second["runId"]) == "b\n"


@pytest.mark.parametrize("params", [{}, {"stream": False}], ids=["by default", "stream: false"])
def test_nothing_is_streamed_unless_asked_for(sidecar: Sidecar, params: Message) -> None:
    assert sidecar.run("def run(args):\n    print('x')\n", **params)["stdout"] == "x\n"
    assert sidecar.notifications == []


def test_a_character_that_is_written_in_pieces_arrives_whole(sidecar: Sidecar) -> None:
    code = (
        "import os, time\ndef run(args):\n  for byte in 'ї🙂'.encode() * 5:\n"
        "    os.write(1, bytes([byte])); time.sleep(0.002)\n"
    )
    assert sidecar.run(code, runId="pieces", stream=True)["stdout"] == "ї🙂" * 5
    assert sidecar.streamed("pieces") == "ї🙂" * 5


def test_bytes_that_are_no_text_are_shown_as_such(sidecar: Sidecar) -> None:
    reply = sidecar.run("import os\ndef run(args):\n    os.write(1, b'a\\xff\\xf0b')\n", runId="raw", stream=True)
    assert reply["stdout"] == sidecar.streamed("raw") == "a\ufffd\ufffdb"


def test_a_run_id_in_flight_is_refused(sidecar: Sidecar) -> None:
    slow = sidecar.start("run", code="import time\ndef run(args):\n    time.sleep(0.3)\n", runId="same")
    assert "runId" in sidecar.error("run", code=ECHO, runId="same")["message"]
    assert sidecar.reply(slow)["result"]["result"]["ok"] is True
    assert sidecar.run(ECHO, 1, runId="same")["result"]["data"] == 1


def test_output_is_cut_at_its_limit_and_so_is_its_stream() -> None:
    with Sidecar({"PYRUNNER_STDOUT_MAX_BYTES": "10", "PYRUNNER_STDERR_MAX_BYTES": "0"}) as sidecar:
        code = (
            "import sys\ndef run(args):\n    sys.stdout.write('їжак' * 100)\n    sys.stderr.write('x')\n    return 1\n"
        )
        reply = sidecar.run(code, runId="cut", stream=True)
        assert reply["result"] == {"ok": True, "data": 1}
        assert (reply["stdout"], reply["stdoutTruncated"]) == ("їжакї", True)
        assert (reply["stderr"], reply["stderrTruncated"]) == ("", True)
        assert sidecar.streamed("cut") == "їжакї"
        assert sidecar.run("def run(args):\n    print('0123456789', end='')\n")["stdoutTruncated"] is False


def test_the_default_limit_of_each_stream_is_one_mebibyte(sidecar: Sidecar) -> None:
    reply = sidecar.run(
        "import sys\ndef run(args):\n    sys.stdout.write('x' * (1 << 21))\n    sys.stderr.write('y' * (1 << 20))\n"
    )
    assert (len(reply["stdout"]), reply["stdoutTruncated"]) == (1 << 20, True)
    assert (len(reply["stderr"]), reply["stderrTruncated"]) == (1 << 20, False)
