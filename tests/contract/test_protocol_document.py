"""protocol.md is true: its frames are sent to a real sidecar in their order, and the replies are what it shows.

In the document, "…" stands for any value, and as a member or last element for any more of them. Measurements, the
numbers under `usage` and of clocks and memory, are compared by type.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

PROTOCOL = Path(__file__).parents[2] / "protocol.md"
ANY = "…"
MEASURED = frozenset(
    {"wallMs", "cpuMs", "maxRssMB", "queueMs", "peakMemoryMB", "spawnMs", "runMs"}
    | {"uptimeMs", "rssBytes", "sumMs", "standby", "leftovers", "counts"}
)
# What the machine decides.
MACHINE = frozenset({"maxConcurrency", "memoryBudgetMB"})


def frames() -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = []
    for block in re.findall(r"```text\n(.*?)```", PROTOCOL.read_text(encoding="utf-8"), re.DOTALL):
        for arrow, body in re.findall(r"^([→←]) (.*?)(?=^[→←] |\Z)", block, re.DOTALL | re.MULTILINE):
            found.append((arrow, json.loads(body)))
    return found


def matches(shown: Any, real: Any, key: str = "") -> bool:
    if shown == ANY:
        return True
    if key in MEASURED or key in MACHINE:
        return type(shown) is type(real) or (isinstance(shown, int | float) and isinstance(real, int | float))
    if isinstance(shown, dict) and isinstance(real, dict):
        named = {name: value for name, value in shown.items() if name != ANY}
        if not (named.keys() <= real.keys() and (ANY in shown or named.keys() == real.keys())):
            return False
        return all(matches(value, real[name], name) for name, value in named.items())
    if isinstance(shown, list) and isinstance(real, list):
        is_open = bool(shown) and shown[-1] == ANY
        fixed = shown[:-1] if is_open else shown
        if len(real) < len(fixed) or (not is_open and len(real) != len(fixed)):
            return False
        return all(any(matches(one, other) for other in real) for one in fixed)
    return bool(shown == real)


def test_the_document_shows_every_method() -> None:
    text = PROTOCOL.read_text(encoding="utf-8")
    schema = json.loads(
        subprocess.run([sys.executable, "-m", "sidecar", "schema"], capture_output=True, check=True, timeout=30).stdout
    )
    sent = {frame["method"] for arrow, frame in frames() if arrow == "→"}
    for method in [*schema["methods"], "exit", "$/cancelRequest", "run/output"]:
        assert method in text
        assert method in sent or method == "run/output"


def test_every_frame_of_the_document_is_what_the_sidecar_says() -> None:
    process = subprocess.Popen([sys.executable, "-m", "sidecar"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        try:
            for arrow, frame in frames():
                if arrow == "→":
                    body = json.dumps(frame).encode()
                    process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
                    process.stdin.flush()
                else:
                    header = process.stdout.readline()
                    assert process.stdout.readline() == b"\r\n"
                    reply = json.loads(process.stdout.read(int(header.split(b":")[1])))
                    assert matches(frame, reply), f"the document shows {frame}, the sidecar says {reply}"
            assert process.wait(timeout=10) == 0
        finally:
            process.kill()
