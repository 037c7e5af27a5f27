"""What a host meets at the door: turns, the memory budget, a full queue, and a hundred thousand requests at once."""

from __future__ import annotations

import pytest
from processes import resident_kb
from sidecar_process import Sidecar, frame, request_text

ECHO = "def run(args):\n    return args\n"
NAP = "import time\ndef run(args):\n    time.sleep(0.02)\n    return args\n"
HANG = "import time\ndef run(args):\n    print('started', flush=True)\n    time.sleep(60)\n"

ONE_AT_A_TIME = {"PYRUNNER_MAX_CONCURRENCY": "1"}


def test_a_tool_with_a_long_queue_does_not_starve_another() -> None:
    with Sidecar({**ONE_AT_A_TIME, "PYRUNNER_MAX_QUEUE": "1000"}) as sidecar:
        for tool in ("greedy", "modest"):
            sidecar.call("register", id=tool, code=NAP)
        greedy = [sidecar.start("run", id="greedy") for _ in range(300)]
        modest = [sidecar.start("run", id="modest") for _ in range(3)]
        order = [sidecar.receive()["id"] for _ in range(30)]
        assert set(modest) <= set(order)
        for request in greedy:
            sidecar.notify("$/cancelRequest", id=request)


def test_an_owner_with_a_long_queue_does_not_starve_another_that_has_a_tool_with_the_same_id() -> None:
    with Sidecar({**ONE_AT_A_TIME, "PYRUNNER_MAX_QUEUE": "1000"}) as sidecar:
        for owner in ("greedy", "modest"):
            sidecar.call("register", id="tool", owner=owner, code=NAP)
        greedy = [sidecar.start("run", id="tool", owner="greedy") for _ in range(300)]
        modest = [sidecar.start("run", id="tool", owner="modest") for _ in range(3)]
        order = [sidecar.receive()["id"] for _ in range(30)]
        assert set(modest) <= set(order)
        for request in greedy:
            sidecar.notify("$/cancelRequest", id=request)


def test_calls_wait_until_their_memory_fits_into_the_budget() -> None:
    environ = {"PYRUNNER_MAX_CONCURRENCY": "4", "PYRUNNER_MEMORY_BUDGET_MB": "300", "PYTHON_MAX_MEMORY_MB": "200"}
    with Sidecar(environ) as sidecar:
        assert sidecar.call("initialize")["limits"]["memoryBudgetMB"] == 300
        first = sidecar.start("run", code=HANG, stream=True, runId="first")
        sidecar.output_of("first", "started")
        assert sidecar.run(ECHO, 1, maxMemoryMB=100)["result"] == {"ok": True, "data": 1}
        waiting = sidecar.start("run", code=ECHO, args=2)
        # Held back behind the other, it is late: by then that one has long been at the door.
        late = sidecar.run(ECHO, maxMemoryMB=100, timeout=50)
        assert late["result"]["error"]["code"] == "timeout"
        stats = sidecar.call("stats")
        gauges = stats["gauges"]
        assert (gauges["running"], gauges["queued"], gauges["memoryMB"]) == (1, 1, 200)
        assert [(call["state"], call["tool"]) for call in stats["calls"]] == [("running", None), ("queued", None)]
        assert stats["calls"][0]["runId"] == "first"
        assert stats["calls"][0]["ms"] >= stats["calls"][1]["ms"] > 0
        sidecar.notify("$/cancelRequest", id=first)
        assert sidecar.reply(waiting)["result"]["result"]["data"] == 2


def test_a_call_that_the_budget_can_never_hold_is_an_error_that_names_the_variable() -> None:
    with Sidecar({"PYRUNNER_MEMORY_BUDGET_MB": "512"}) as sidecar:
        error = sidecar.error("run", code=ECHO, maxMemoryMB=513)
        assert (error["code"], error["data"]["kind"]) == (-32602, "invalid_params")
        assert error["data"]["errors"][0]["path"] == "maxMemoryMB"
        assert "PYRUNNER_MEMORY_BUDGET_MB" in error["message"]
        assert sidecar.run(ECHO, 1, maxMemoryMB=512)["result"]["ok"] is True


def test_a_budget_below_one_calls_default_is_refused_by_name() -> None:
    with Sidecar({"PYRUNNER_MEMORY_BUDGET_MB": "255"}) as sidecar:
        error = sidecar.error("list")
        assert error["data"]["variable"] == "PYRUNNER_MEMORY_BUDGET_MB"
        assert "from 256" in error["message"]


def test_a_timeout_says_how_much_of_it_was_the_queue() -> None:
    with Sidecar(ONE_AT_A_TIME) as sidecar:
        sidecar.run(ECHO)
        sidecar.start("run", code=NAP.replace("0.02", "0.4"))
        reply = sidecar.run("while True: pass\n", timeout=800)
        message = reply["result"]["error"]["message"]
        assert message.startswith("The tool did not finish within 800 ms, ")
        assert " of them in the queue, and was stopped." in message
        assert reply["usage"]["queueMs"] + reply["usage"]["runMs"] >= 790


@pytest.mark.timeout(120)
def test_a_hundred_thousand_requests_at_once_cost_bounded_memory_and_each_gets_its_reply() -> None:
    count = 100_000
    with Sidecar({"PYRUNNER_MAX_QUEUE": "500", "PYRUNNER_MAX_CONCURRENCY": "2"}) as sidecar:
        sidecar.call("register", id="hang", code=HANG, timeout=3000)
        sidecar.settle(2)
        before_kb = resident_kb(sidecar.pid)
        flood = b"".join(frame(request_text(f"f{number}", "run", id="hang")) for number in range(count))
        sidecar.send_bytes(flood)
        outcomes: dict[str, int] = {}
        seen = set()
        for _ in range(count):
            message = sidecar.receive()
            seen.add(message["id"])
            kind = (
                message["error"]["data"]["kind"] if "error" in message else message["result"]["result"]["error"]["code"]
            )
            outcomes[kind] = outcomes.get(kind, 0) + 1
        assert seen == {f"f{number}" for number in range(count)}
        assert outcomes["queue_full"] >= count * 0.9
        assert set(outcomes) == {"queue_full", "timeout"}
        assert resident_kb(sidecar.pid) - before_kb < 64 * 1024
        assert sidecar.run(ECHO, 1)["result"]["ok"] is True
