"""`$/cancelRequest`: the reply is an error, and the tool's process is dead before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from processes import Watch
from sidecar_process import Sidecar

if TYPE_CHECKING:
    from collections.abc import Iterator

ECHO = "def run(args):\n    return args\n"
# As many threads as the test says, so that it can tell this tool's process from the others.
STUBBORN = """
import signal, threading, time
def run(args):
    for number in range(1, 32):
        try: signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError): pass
    for _ in range(args - 1):
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    print("started", flush=True)
    while True:
        try: time.sleep(60)
        except BaseException: pass
"""


@pytest.fixture(scope="module")
def sidecar() -> Iterator[Sidecar]:
    with Sidecar({"PYRUNNER_MAX_CONCURRENCY": "4"}) as started:
        yield started


def test_a_running_call_is_dead_before_its_reply(sidecar: Sidecar) -> None:
    request = sidecar.start("run", code=STUBBORN, args=5, stream=True, runId="one")
    sidecar.output_of("one", "started")
    with Watch([sidecar.worker_with(threads=5).pid]) as watch:
        assert watch.survivors(0)
        sidecar.notify("$/cancelRequest", id=request)
        error = sidecar.reply(request)["error"]
        assert watch.survivors(0) == []
    assert (error["code"], error["data"]["kind"]) == (-32800, "cancelled")
    assert sidecar.run(ECHO, 1)["result"]["data"] == 1


def test_only_the_call_that_is_cancelled_ends(sidecar: Sidecar) -> None:
    runs = {
        threads: sidecar.start("run", code=STUBBORN, args=threads, stream=True, runId=f"of {threads}")
        for threads in (3, 4, 5)
    }
    for threads in runs:
        sidecar.output_of(f"of {threads}", "started")
    with (
        Watch([sidecar.worker_with(4).pid]) as cancelled,
        Watch([sidecar.worker_with(n).pid for n in (3, 5)]) as others,
    ):
        sidecar.notify("$/cancelRequest", id=runs[4])
        assert sidecar.reply(runs[4])["error"]["code"] == -32800
        assert cancelled.survivors(0) == []
        assert len(others.survivors(0)) == 2
        for threads in (3, 5):
            sidecar.notify("$/cancelRequest", id=runs[threads])
            assert sidecar.reply(runs[threads])["error"]["code"] == -32800
        assert others.survivors(0) == []


def test_a_queued_call_never_starts() -> None:
    with Sidecar({"PYRUNNER_MAX_CONCURRENCY": "1"}) as narrow:
        first = narrow.start("run", code=STUBBORN, args=2, stream=True, runId="first")
        narrow.output_of("first", "started")
        queued = narrow.start("run", code=STUBBORN, args=3, stream=True, runId="queued")
        behind = narrow.start("run", code=ECHO, args="behind")
        narrow.notify("$/cancelRequest", id=queued)
        assert narrow.reply(queued)["error"]["code"] == -32800
        narrow.worker_with(threads=2)  # the first goes on
        narrow.notify("$/cancelRequest", id=first)
        assert narrow.reply(first)["error"]["code"] == -32800
        assert narrow.reply(behind)["result"]["result"]["data"] == "behind"
        assert narrow.streamed("queued") == ""


def test_a_cancellation_in_the_same_write_gets_its_reply(sidecar: Sidecar) -> None:
    requests = []
    for _ in range(20):
        requests.append(sidecar.start("run", code=STUBBORN, args=2))
        sidecar.notify("$/cancelRequest", id=requests[-1])
    for request in requests:
        assert sidecar.reply(request)["error"]["code"] == -32800
    assert sidecar.settle(standby=4)["gauges"]["queued"] == 0
    assert all(worker.threads == 1 for worker in sidecar.workers())


def test_a_cancellation_that_comes_too_late_changes_nothing(sidecar: Sidecar) -> None:
    request = sidecar.start("run", code=ECHO, args=1)
    assert sidecar.reply(request)["result"]["result"]["data"] == 1
    sidecar.notify("$/cancelRequest", id=request)
    assert sidecar.run(ECHO, 2)["result"]["data"] == 2


def test_two_cancellations_get_one_reply(sidecar: Sidecar) -> None:
    request = sidecar.start("run", code=STUBBORN, args=2, stream=True, runId="twice")
    sidecar.output_of("twice", "started")
    sidecar.notify("$/cancelRequest", id=request)
    sidecar.notify("$/cancelRequest", id=request)
    following = sidecar.start("list")
    messages = [sidecar.receive(), sidecar.receive()]
    assert sorted(message["id"] for message in messages) == [request, following]


def test_the_id_of_a_cancelled_call_is_free_again(sidecar: Sidecar) -> None:
    request = sidecar.start("run", code=STUBBORN, args=2)
    sidecar.notify("$/cancelRequest", id=request)
    assert sidecar.reply(request)["error"]["code"] == -32800
    sidecar._ids -= 1
    assert sidecar.run(ECHO, 3)["result"]["data"] == 3


def test_a_registration_can_be_cancelled(sidecar: Sidecar) -> None:
    request = sidecar.start("register", id="late", code=ECHO)
    sidecar.notify("$/cancelRequest", id=request)
    reply = sidecar.reply(request)
    assert reply.get("error", {"code": -32800})["code"] == -32800
    assert ("error" in reply) == (sidecar.call("list") == {"tools": []})
