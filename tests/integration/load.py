"""A sidecar under load: eight tools that run at once, each in a process that a test can tell from the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sidecar_process import Message, Sidecar

IN_FLIGHT = 8
LOAD = {"PYRUNNER_MAX_CONCURRENCY": str(IN_FLIGHT), "PYRUNNER_STANDBY_WORKERS": "2"}
ECHO = "def run(args):\n    return args\n"

# A tool's process is known by its threads, which anyone may count: tool number n has n + 2, a standby worker has one.
_TOOL = """
import threading, time
def run(args):
    for _ in range(args["number"] + 1):
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    open("left behind", "w").write("x" * 10_000)
    print("started", flush=True)
    time.sleep(args["seconds"])
    return args["number"]
"""


def start_load(sidecar: Sidecar, seconds: float = 60) -> list[int]:
    """Start the tools, wait until each of them runs, and return their requests' ids."""
    requests = [
        sidecar.start(
            "run", code=_TOOL, args={"number": number, "seconds": seconds}, stream=True, runId=f"load {number}"
        )
        for number in range(IN_FLIGHT)
    ]
    for number in range(IN_FLIGHT):
        sidecar.output_of(f"load {number}", "started")
    return requests


def threads_of(number: int) -> int:
    """Return how many threads the process of a tool has."""
    return number + 2


def works(sidecar: Sidecar) -> bool:
    """Whether a call gets its answer."""
    reply: Message = sidecar.run(ECHO, ["works"])
    return bool(reply["result"] == {"ok": True, "data": ["works"]})
