"""The failures of a tool: each code of `run`, what comes with it, and that the next call works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sidecar_process import Message, Sidecar
from tables import Row, each, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ECHO = "def run(args):\n    return args\n"
SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "minLength": 2},
        "days": {"type": "array", "items": {"type": "integer", "minimum": 1}},
        "a/b~c": {"type": "null"},
    },
    "required": ["city"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def with_environ() -> Iterator[Callable[[dict[str, str]], Sidecar]]:
    """Make a sidecar for each different environment."""
    made: dict[tuple[tuple[str, str], ...], Sidecar] = {}

    def get(environ: dict[str, str]) -> Sidecar:
        key = tuple(environ.items())
        if key not in made:
            made[key] = Sidecar(environ)
        return made[key]

    yield get
    for sidecar in made.values():
        sidecar.close()


@pytest.fixture
def sidecar(with_environ: Callable[[dict[str, str]], Sidecar]) -> Sidecar:
    return with_environ({})


@each("errors.json", "runs", "code", "tool")
def test_a_failure_is_a_result_with_its_code(with_environ: Callable[[dict[str, str]], Sidecar], row: Row) -> None:
    sidecar = with_environ(row.get("environ", {}))
    reply = sidecar.run(row["tool"], row.get("args"), **row.get("params", {"timeout": 20_000}))
    assert set(reply["result"]) == {"ok", "error"}
    error = reply["result"]["error"]
    assert (reply["result"]["ok"], error["code"]) == (False, row["code"])
    assert error["type"] == row.get("type", error["type"])
    assert error["line"] == row["line"] if "line" in row else True
    assert row.get("message", "") in error["message"]
    assert reply["isolation"]["level"] == "strict"
    assert sidecar.run(ECHO, 1)["result"]["data"] == 1


def test_the_table_has_every_code_of_the_contract() -> None:
    codes = {row["code"] for row in rows("errors.json", "runs")} | {"invalid_args"}
    assert codes == {
        "tool_error", "timeout", "memory_limit", "cpu_limit", "output_limit", "result_too_large", "not_serializable",
        "invalid_args", "syntax_error", "no_entry_point", "exited", "crashed",
    }  # fmt: skip


def test_an_exception_comes_with_the_tools_own_frames(sidecar: Sidecar) -> None:
    code = "import json\n\ndef inner(text):\n    return json.loads(text)\n\ndef run(args):\n    return inner('{')\n"
    error = sidecar.run(code)["result"]["error"]
    assert error["type"] == "JSONDecodeError"
    assert error["line"] == 4
    traceback = error["traceback"]
    assert traceback.index("line 7, in run") < traceback.index("line 4, in inner")
    assert "return json.loads(text)" in traceback
    assert "worker" not in traceback
    assert "sidecar" not in traceback


def test_an_exception_has_a_column_where_python_has_it(sidecar: Sidecar) -> None:
    assert sidecar.run("def run(args:\n    return 1\n")["result"]["error"]["column"] >= 1


HINTED = {
    "a third-party import": ("import numpy\ndef run(args): return 1", "ModuleNotFoundError"),
    "a socket": ("import socket\ndef run(args): socket.create_connection(('example.org', 80))", None),
    "a missing parameter": ("def run(args): return args['city']", "KeyError"),
}


@pytest.mark.parametrize(("code", "type_name"), HINTED.values(), ids=HINTED)
def test_a_failure_that_one_can_do_something_about_has_a_hint(
    sidecar: Sidecar, code: str, type_name: str | None
) -> None:
    error = sidecar.run(code, {"town": "Lviv"})["result"]["error"]
    assert error["code"] == "tool_error"
    assert error["type"] == (type_name or error["type"])
    assert error["hint"]


ENDINGS = {
    "an exception": "raise ValueError",
    "a timeout": "time.sleep(60)",
    "a timeout in C": "re.match('(a+)+$', 'a' * 64 + 'b')",
    "an exit": "os._exit(1)",
    "a crash": "ctypes.string_at(0)",
    "too much memory": "b'x' * (1 << 40)",
    "a result that is none": "return {1}",
}


@pytest.mark.parametrize("statement", ENDINGS.values(), ids=ENDINGS)
def test_what_was_printed_before_a_failure_is_kept(sidecar: Sidecar, statement: str) -> None:
    code = (
        "import ctypes, os, re, sys, time\ndef run(args):\n    print('out', flush=True)\n"
        f"    print('err', file=sys.stderr, flush=True)\n    {statement}\n"
    )
    reply = sidecar.run(code, timeout=500)
    assert reply["result"]["ok"] is False
    assert (reply["stdout"], reply["stderr"]) == ("out\n", "err\n")


HANGS = {
    "at exit": "import atexit, time\natexit.register(time.sleep, 60)\ndef run(args): return 1",
    "in a thread": (
        "import threading, time\ndef run(args):\n  threading.Thread(target=time.sleep, args=(60,)).start()\n  return 1"
    ),
    "in a destructor": "import time\nclass A:\n  def __del__(self): time.sleep(60)\na = A()\ndef run(args): return 1",
}


@pytest.mark.parametrize("code", HANGS.values(), ids=HANGS)
def test_a_tool_that_has_returned_cannot_hold_its_reply_beyond_the_deadline(sidecar: Sidecar, code: str) -> None:
    reply = sidecar.run(code, timeout=1000)
    assert reply["result"] == {"ok": True, "data": 1} or reply["result"]["error"]["code"] == "timeout"
    assert sidecar.run(ECHO, 1)["result"]["data"] == 1


def test_a_tool_that_stops_itself_ends_at_its_deadline(sidecar: Sidecar) -> None:
    code = (
        "import os, signal\ndef run(args):\n    print('x', flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGSTOP)\n    while True: pass\n"
    )
    reply = sidecar.run(code, timeout=500)
    assert reply["result"]["error"]["code"] == "timeout"
    assert reply["stdout"] == "x\n"


def invalid(sidecar: Sidecar, args: object) -> Message:
    sidecar.call("register", id="weather", code=ECHO, schema=SCHEMA)
    reply = sidecar.call("run", id="weather", args=args)
    result: Message = reply["result"]
    assert set(result) == {"ok", "error"}
    assert result["error"]["code"] == "invalid_args"
    error: Message = result["error"]
    return error


def finding(path: str, keyword: str, message: str, params: Any, schema_path: str) -> Message:
    return {"instancePath": path, "keyword": keyword, "message": message, "params": params, "schemaPath": schema_path}


MISSING = finding("", "required", "must have required property 'city'", {"missingProperty": "city"}, "#/required")
TOO_SHORT = finding(
    "/city", "minLength", "must NOT have fewer than 2 characters", {"limit": 2}, "#/properties/city/minLength"
)


@pytest.mark.parametrize(
    ("args", "findings"),
    [
        ({}, [MISSING]),
        ({"city": 7}, [finding("/city", "type", "must be string", {"type": "string"}, "#/properties/city/type")]),
        (
            {"city": "x"},
            [TOO_SHORT],
        ),
        (
            {"city": "Kyiv", "days": [1, 0]},
            [
                finding(
                    "/days/1", "minimum", "must be >= 1", {"comparison": ">=", "limit": 1},
                    "#/properties/days/items/minimum",
                )
            ],
        ),
        (
            {"city": "Kyiv", "a/b~c": 1},
            [finding("/a~1b~0c", "type", "must be null", {"type": "null"}, "#/properties/a~1b~0c/type")],
        ),
        ([], [finding("", "type", "must be object", {"type": "object"}, "#/type")]),
    ],
    ids=["required", "type", "minLength", "minimum", "escaped", "array"],
)  # fmt: skip
def test_args_that_do_not_fit_the_schema_are_a_result_in_the_words_of_ajv(
    sidecar: Sidecar, args: object, findings: list[Message]
) -> None:
    assert invalid(sidecar, args)["errors"] == findings


def test_every_fault_of_the_args_is_listed(sidecar: Sidecar) -> None:
    found = invalid(sidecar, {"days": ["x"], "more": 1})["errors"]
    assert {one["keyword"] for one in found} == {"required", "type", "additionalProperties"}
    assert all(set(one) == {"instancePath", "keyword", "message", "params", "schemaPath"} for one in found)


def test_args_that_fit_the_schema_reach_the_tool_unchanged(sidecar: Sidecar) -> None:
    sidecar.call("register", id="weather", code=ECHO, schema=SCHEMA)
    args = {"city": "Київ", "days": [1, 2], "a/b~c": None}
    assert sidecar.call("run", id="weather", args=args)["result"] == {"ok": True, "data": args}


def test_a_pattern_that_hangs_stalls_no_other_call(sidecar: Sidecar) -> None:
    sidecar.call("register", id="slow", code=ECHO, schema={"pattern": "^(a+)+$"}, replace=True)
    slow = sidecar.start("run", id="slow", args="a" * 60 + "b", timeout=1000)
    for number in range(5):
        assert sidecar.run(ECHO, number)["result"]["data"] == number
    assert sidecar.reply(slow)["result"]["result"]["error"]["code"] == "invalid_args"


def test_what_the_jail_refused_is_listed_though_the_tool_swallowed_it(sidecar: Sidecar) -> None:
    code = "def run(args):\n    for n in range(args):\n        try: open(f'/etc/{n}')\n        except OSError: pass\n"
    reply = sidecar.run(code, 2)
    policy = "Tools see no files of the host and can write only to their private scratch directory, the current one."
    assert reply["violations"] == [
        {"call": "open", "argument": f"/etc/{n}", "policy": policy, "count": 1, "line": 3} for n in range(2)
    ]
    assert "violationsOmitted" not in reply
    flooded = sidecar.run(code, 1000)
    assert (len(flooded["violations"]), flooded["violationsOmitted"]) == (20, 980)
    assert sidecar.run("def run(args): return 1")["violations"] == []
