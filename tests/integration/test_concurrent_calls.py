"""Many calls at once: each gets its own answer, and one that misbehaves stops no other."""

from __future__ import annotations

import pytest
from load import works
from sidecar_process import Sidecar

AT_ONCE = 64
OWN = """
import os, sys, time
def run(args):
    print("out", args, flush=True)
    print("err", args, file=sys.stderr, flush=True)
    open("mine", "w").write(str(args))
    os.environ["MINE"] = str(args)
    time.sleep(args % 7 / 100)
    return [args, open("mine").read(), os.environ["MINE"], os.listdir("."), os.getpid()]
"""


@pytest.mark.parametrize("concurrency", [2, AT_ONCE])
def test_each_of_many_calls_gets_its_own_answer(concurrency: int) -> None:
    with Sidecar({"PYRUNNER_MAX_CONCURRENCY": str(concurrency), "PYRUNNER_STANDBY_WORKERS": "4"}) as sidecar:
        requests = {sidecar.start("run", code=OWN, args=number, runId=str(number)): number for number in range(AT_ONCE)}
        pids = set()
        for request, number in requests.items():
            reply = sidecar.reply(request)["result"]
            *values, pid = reply["result"]["data"]
            assert values == [number, str(number), str(number), ["mine"]]
            assert (reply["stdout"], reply["stderr"]) == (f"out {number}\n", f"err {number}\n")
            assert reply["runId"] == str(number)
            pids.add(pid)
        assert pids == {1}  # each is alone in a namespace of its own
        assert works(sidecar)


MISBEHAVIOUR = {
    "prints": "while True: print('x' * 10_000)",
    "prints on both": "import sys\n    while True: print('x' * 999); print('y' * 999, file=sys.stderr)",
    "prints into its stream": "while True: print('x' * 100, flush=True)",
    "spins": "while True: pass",
    "eats memory": (
        "kept = []\n    while True:\n        try: kept.append(b'x' * (1 << 20))\n        except MemoryError: pass"
    ),
    "fills its disk": "while True:\n        try: open('f', 'ab').write(b'x' * (1 << 20))\n        except OSError: pass",
}


@pytest.mark.parametrize("statement", MISBEHAVIOUR.values(), ids=MISBEHAVIOUR)
def test_a_tool_that_floods_stops_nobody_elses_answer(statement: str) -> None:
    with Sidecar({"PYRUNNER_MAX_CONCURRENCY": "3"}) as sidecar:
        assert works(sidecar)
        code = f"def run(args):\n    {statement}\n"
        flood = sidecar.start("run", code=code, timeout=30_000, stream="stream" in code)
        requests = [sidecar.start("run", code=OWN, args=number) for number in range(AT_ONCE)]
        for number, request in enumerate(requests):
            assert sidecar.reply(request)["result"]["result"]["data"][0] == number
        assert not any(message["id"] == flood for message in sidecar._unclaimed), "the flood is over already"
        sidecar.notify("$/cancelRequest", id=flood)
        assert sidecar.reply(flood)["error"]["code"] == -32800
        assert works(sidecar)
