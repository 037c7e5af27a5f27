"""The log of a sidecar that serves: a line for each run, made from the same record as the reply, and nothing secret."""

from __future__ import annotations

import json
from typing import Any

from sidecar_process import Sidecar

SECRET = "s3cret"
TOOL = f"""
# {SECRET} in the code
def run(args):
    print(args)
    if args["what"] == "raise":
        raise ValueError(args)
    return args
"""
HANG = f"def run(args):\n    print('{SECRET}', flush=True)\n    while True: pass\n"
SCHEMA = {"type": "object", "required": ["what"]}


def lines(sidecar: Sidecar) -> list[dict[str, Any]]:
    return [json.loads(line) for line in sidecar.stderr().splitlines()]


def test_at_info_each_run_is_one_line_with_its_outcome_and_its_times() -> None:
    with Sidecar({"PYRUNNER_LOG": "info"}) as sidecar:
        sidecar.call("register", id="tool", code=TOOL, schema=SCHEMA)
        good = sidecar.call("run", id="tool", runId="1", args={"what": SECRET})
        sidecar.call("run", id="tool", runId="2", args={"what": "raise", "with": SECRET})
        sidecar.call("run", id="tool", runId="3", args={})
        sidecar.error("run", id="nobody", runId="4", args=SECRET)
        sidecar.error("run", id="tool", runId="5", args={"what": SECRET}, maxMemoryMB=1 << 20)
        cancelled = sidecar.start("run", code=HANG, runId="6", stream=True)
        sidecar.output_of("6", SECRET)
        sidecar.notify("$/cancelRequest", id=cancelled)
        sidecar.reply(cancelled)
        runs = [line for line in lines(sidecar) if line["event"] == "run"]
        told = [(line["runId"], line["tool"], line["outcome"], line["level"]) for line in runs]
        assert told == [
            ("1", "tool", "ok", "info"),
            ("2", "tool", "tool_error", "info"),
            ("3", "tool", "invalid_args", "info"),
            ("4", "nobody", "tool_not_found", "info"),
            ("5", "tool", "invalid_params", "info"),
            ("6", None, "cancelled", "info"),
        ]
        usage = good["usage"]
        assert {name: value for name, value in runs[0].items() if name in usage} == usage
        assert runs[0]["totalMs"] >= usage["spawnMs"] + usage["wallMs"]
        assert SECRET not in sidecar.stderr()


def test_a_run_that_belongs_to_a_trace_is_logged_with_its_trace_id() -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    with Sidecar({"PYRUNNER_LOG": "info"}) as sidecar:
        for version in (f"00-{trace_id}-b7ad6b7169203331-01", f"01-{trace_id}-b7ad6b7169203331-01-later"):
            sidecar.call("run", code=TOOL, args={"what": ""}, traceparent=version)
        sidecar.error("run", id="nobody", traceparent=f"00-{trace_id}-b7ad6b7169203331-00")
        sidecar.call("run", code=TOOL, args={"what": ""})
        runs = [line for line in lines(sidecar) if line["event"] == "run"]
        assert [line.get("traceId") for line in runs] == [trace_id, trace_id, trace_id, None]
        good = f"00-{trace_id}-b7ad6b7169203331-01"
        for odd in ("", "00", trace_id, good.upper(), good + "\n", good + "-\n"):
            assert sidecar.error("run", code=TOOL, traceparent=odd)["data"]["kind"] == "invalid_params"


def test_at_the_default_level_runs_are_not_logged() -> None:
    with Sidecar() as sidecar:
        sidecar.run(TOOL, {"what": SECRET})
        assert [line for line in lines(sidecar) if line["level"] == "info"] == []


def test_at_debug_nothing_of_a_tool_is_logged_either() -> None:
    with Sidecar({"PYRUNNER_LOG": "debug"}) as sidecar:
        sidecar.call("register", id="tool", code=TOOL, schema=SCHEMA)
        sidecar.call("run", id="tool", args={"what": SECRET})
        sidecar.error("run", code=TOOL, unknown=SECRET)
        sidecar.send('{"jsonrpc":"2.0","id":7,"method":"run","params":{"code":"' + SECRET)
        sidecar.receive()
        assert lines(sidecar)
        assert SECRET not in sidecar.stderr()
