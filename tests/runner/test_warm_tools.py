"""Tools whose interpreter has loaded what they import, and nothing else of them."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import harness
import pytest
from in_flight import WORKS, started
from processes import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAVY = """
import sqlite3, asyncio
import xml.etree.ElementTree as trees
from concurrent import futures
if True:
    import decimal
try:
    import numpy
except ImportError:
    numpy = None
seen = []
def run(args):
    import json.tool
    seen.append(args)
    sqlite3.changed = getattr(sqlite3, "changed", 0) + 1
    return [seen, sqlite3.changed]
"""
PROBE = "import sys\nBEFORE = set(sys.modules)\n"


@pytest.fixture(scope="module")
def warm() -> Iterator[harness.ToolRunner]:
    tools = harness.ToolRunner(harness.config(standby_workers=1))
    yield tools
    tools.close()


def imports_of(tools: harness.ToolRunner, code: str, python_path: str = sys.executable) -> tuple[str, ...]:
    return tools.on_loop(tools.runner.warm(code, python_path, None))


def run(tools: harness.ToolRunner, code: str, imports: tuple[str, ...], args: Any = None) -> harness.Reply:
    request = tools.request(code, args)._replace(imports=imports)
    return harness.Reply.of(tools.on_loop(tools.runner.run(request)))


def test_what_is_imported_at_the_top_is_loaded_before_the_call(warm: harness.ToolRunner) -> None:
    imports = imports_of(warm, HEAVY)
    assert {"sqlite3", "asyncio", "xml.etree.ElementTree", "concurrent.futures", "decimal"} <= set(imports)
    assert "json.tool" not in imports
    probe = PROBE + "def run(args):\n    return sorted({'sqlite3', 'asyncio', 'decimal', 'json.tool'} & BEFORE)\n"
    assert run(warm, probe, imports).data == ["asyncio", "decimal", "sqlite3"]
    assert "sqlite3" not in warm.run(probe).data


def test_every_call_of_a_warm_tool_starts_from_fresh_state(warm: harness.ToolRunner) -> None:
    imports = imports_of(warm, HEAVY)
    for number in range(3):
        seen, changed = run(warm, HEAVY, imports, number).data
        assert (seen, changed) == ([number], 1)


def test_tools_with_the_same_imports_share_an_interpreter_and_others_do_not(warm: harness.ToolRunner) -> None:
    one = imports_of(warm, "import sqlite3, csv\ndef run(args): return 1")
    other = imports_of(warm, "import csv\nimport sqlite3\ndef run(args): return 2")
    assert one == other
    run(warm, "def run(args): return 1", one)
    before = warm.runner.gauges()["zygotes"]
    run(warm, "def run(args): return 2", other)
    assert warm.runner.gauges()["zygotes"] == before
    run(warm, "def run(args): return 3", ("csv",))
    assert warm.runner.gauges()["zygotes"] == before + 1


@pytest.mark.parametrize(
    "code",
    [
        "import antigravity, this, turtle, idlelib.idle",
        "import no_such_module_anywhere, os.path.nothing.more",
        "import requests",
        "from . import sibling",
        "def run(args:",
        "import " + ", ".join(f"m{number}" for number in range(500)),
        "import ünïcödé",
    ],
)
def test_what_is_not_to_be_loaded_or_not_there_harms_nobody(warm: harness.ToolRunner, code: str) -> None:
    imports = imports_of(warm, code)
    assert len(imports) <= 64
    assert run(warm, "import json\ndef run(args): return args", imports, 5).data == 5


@pytest.mark.parametrize("name", ["unittest.__main__", "unittest.test.testmock", "test.support"])
def test_programs_and_tests_do_not_run_in_front_of_the_jail(warm: harness.ToolRunner, name: str) -> None:
    assert name in imports_of(warm, f"from {name} import main\ndef run(args): return 1")
    # Importing one imports its package first, whatever becomes of it then.
    probe = PROBE + f"def run(args): return {name.partition('.')[0]!r} in BEFORE"
    assert run(warm, probe, (name,)).data is False


def test_a_warm_call_is_jailed_as_any_other(warm: harness.ToolRunner) -> None:
    imports = imports_of(warm, "import socket, subprocess, sqlite3\ndef run(args): return 1")
    reply = run(warm, "import socket\ndef run(args): socket.socket()", imports)
    assert (reply.error["type"], reply.isolation) == ("PermissionError", warm.run("def run(args): return 1").isolation)


def test_the_least_recently_used_are_given_up_when_they_take_too_much_memory() -> None:
    tools = harness.ToolRunner(harness.config(standby_workers=1, warm_max_mb=1))
    try:
        assert run(tools, "def run(args): return 1", ()).data == 1
        for name in ("csv", "sqlite3", "decimal"):
            assert run(tools, "def run(args): return 1", (name,)).data == 1
        assert run(tools, "def run(args): return 1", ("csv",)).data == 1
        assert len(tools.runner._pools._warm) == 1
        with Watch(tools.processes()) as watch:
            tools.close()
            assert watch.survivors(5) == []
    finally:
        if tools._thread.is_alive():
            tools.close()


def test_a_call_elsewhere_keeps_none_of_those_that_are_given_up() -> None:
    tools = harness.ToolRunner(harness.config(max_concurrency=2, standby_workers=1, warm_max_mb=1))

    async def scenario() -> None:
        elsewhere = await started(tools)
        for name in ("csv", "sqlite3", "decimal", "csv"):
            request = tools.request(WORKS)._replace(imports=(name,))
            await asyncio.ensure_future(tools.runner.run(request))
        # What closes them is over, with the call itself still there.
        while len(tools.runner._running) > 1:  # noqa: ASYNC110 - bounded by `on_loop`
            await asyncio.sleep(0)
        assert not elsewhere.done()
        elsewhere.cancel()
        await asyncio.wait([elsewhere])

    try:
        tools.on_loop(scenario())
        assert tools.run(WORKS).data == 1
    finally:
        tools.close()


def test_warm_works_with_every_interpreter(tools: harness.ToolRunner) -> None:
    code = "import sqlite3, asyncio, decimal\nimport xml.etree.ElementTree\ndef run(args): return args"
    imports = imports_of(tools, code, tools.config.python_path)
    assert "xml.etree.ElementTree" in imports
    assert run(tools, code, imports, {"n": 1}).data == {"n": 1}
