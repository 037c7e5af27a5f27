"""A host that sends and does not read: the sidecar's memory stays bounded, and nothing is lost when it reads again."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

from load import works
from processes import Watch, resident_kb
from sidecar_process import WAIT_S, Sidecar, frame, request_text

MEBIBYTE = 1 << 20
# The sidecar waits for its host with 8 MiB of replies and four messages of the greatest size; the rest is room.
BOUND_KB = 48 * 1024
ENVIRON = {"PYRUNNER_MAX_MESSAGE_BYTES": str(MEBIBYTE), "PYRUNNER_MAX_CONCURRENCY": "4"}
PATIENCE_S = 0.5


def memory_when_idle_kb(sidecar: Sidecar) -> int:
    """Return the sidecar's memory once it has used no CPU time while its host was patient."""
    deadline = time.monotonic() + WAIT_S
    used = -1
    with Watch([sidecar.pid]) as watch:
        while (now := cpu_ticks(sidecar.pid)) != used:
            used = now
            assert time.monotonic() < deadline
            assert watch.survivors(PATIENCE_S), "the sidecar has died"
    return resident_kb(sidecar.pid)


def cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_requests_are_left_in_the_pipe_while_the_replies_are_not_read() -> None:
    with Sidecar(ENVIRON) as sidecar:
        description = "x" * 100_000
        sidecar.call("register", id="large", code="def run(args): return 1", description=description)
        before = memory_when_idle_kb(sidecar)
        frames = [frame(request_text(f"n{number}", "list")) for number in range(5000)]
        data = b"".join(frames)
        sent = sidecar.write_unread(data, PATIENCE_S)
        grown = memory_when_idle_kb(sidecar) - before
        # What has been sent is answered in full, behind the rest of the frame that was cut off.
        ends = list(itertools.accumulate(map(len, frames)))
        complete = next(index for index, end in enumerate(ends) if end >= sent)
        sidecar.send_bytes(data[sent : ends[complete]])
        for number in range(complete + 1):
            reply = sidecar.receive()
            assert reply["id"] == f"n{number}"
            assert reply["result"]["tools"][0]["description"] == description
        assert works(sidecar)
        assert sent < len(data), "the sidecar took every request although no reply was read"
        assert grown < BOUND_KB


def test_results_of_calls_in_flight_wait_without_filling_the_memory() -> None:
    with Sidecar(ENVIRON) as sidecar:
        assert works(sidecar)
        count = 200
        before = memory_when_idle_kb(sidecar)
        code = "def run(args):\n    return 'x' * (1 << 20)\n"
        data = b"".join(frame(request_text(f"n{number}", "run", code=code)) for number in range(count))
        sent = sidecar.write_unread(data, PATIENCE_S)
        grown = memory_when_idle_kb(sidecar) - before
        sidecar.send_bytes(data[sent:])
        for _ in range(count):
            assert len(sidecar.receive()["result"]["result"]["data"]) == MEBIBYTE
        assert works(sidecar)
        assert grown < BOUND_KB


def test_output_that_is_streamed_and_not_read_is_bounded_by_its_limit_and_not_lost() -> None:
    size = 16 * MEBIBYTE
    with Sidecar({**ENVIRON, "PYRUNNER_STDOUT_MAX_BYTES": str(size)}) as sidecar:
        assert works(sidecar)
        before = memory_when_idle_kb(sidecar)
        code = "def run(args):\n    for _ in range(64):\n        print('x' * (1 << 20))\n    return 'done'\n"
        request = sidecar.start("run", code=code, stream=True, runId="flood")
        grown = memory_when_idle_kb(sidecar) - before
        assert sidecar.reply(request)["result"]["result"] == {"ok": True, "data": "done"}
        assert len(sidecar.streamed("flood")) == size
        assert works(sidecar)
        assert grown < 4 * size // 1024 + BOUND_KB
