"""Registering a tool: again, with other content, wrongly, and right before it is run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sidecar_process import Sidecar

if TYPE_CHECKING:
    from collections.abc import Iterator

ECHO = "def run(args):\n    return args\n"
OTHER = "def run(args):\n    return 'other'\n"


@pytest.fixture
def sidecar(running: Sidecar) -> Sidecar:
    for tool in running.call("list")["tools"]:
        running.call("unregister", id=tool["id"])
    return running


@pytest.fixture(scope="module")
def running() -> Iterator[Sidecar]:
    with Sidecar() as started:
        yield started


def test_the_same_content_again_changes_nothing(sidecar: Sidecar) -> None:
    params = {"id": "a", "code": ECHO, "name": "A", "schema": {"type": "object"}, "timeout": 1000}
    assert sidecar.call("register", **params) == sidecar.call("register", **params)
    assert len(sidecar.call("list")["tools"]) == 1


CHANGES: list[dict[str, Any]] = [
    {"code": OTHER}, {"name": "B"}, {"description": "b"}, {"schema": {"type": "string"}}, {"timeout": 2000},
    {"maxMemoryMB": 512}, {"workingDir": "/tmp/b"}, {"pythonPath": "python"},
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: str(*change))
def test_other_content_under_a_known_id_is_an_error_that_keeps_the_old_tool(sidecar: Sidecar, change: Any) -> None:
    sidecar.call("register", id="a", code=ECHO)
    before = sidecar.call("list")
    error = sidecar.error("register", **{"id": "a", "code": ECHO, **change})
    assert (error["code"], error["data"]["kind"]) == (-32011, "tool_exists")
    assert "'a'" in error["message"]
    assert sidecar.call("list") == before
    assert sidecar.call("run", id="a", args=7)["result"]["data"] == 7


def test_other_content_with_replace_takes_its_place(sidecar: Sidecar) -> None:
    old = sidecar.call("register", id="a", code=ECHO)
    new = sidecar.call("register", id="a", code=OTHER, replace=True)
    assert new["codeHash"] != old["codeHash"]
    assert sidecar.call("run", id="a", args=7)["result"]["data"] == "other"


def test_replace_of_an_unknown_id_registers_it(sidecar: Sidecar) -> None:
    assert sidecar.call("register", id="a", code=ECHO, replace=True)["id"] == "a"


def test_a_replacement_that_is_no_tool_leaves_the_old_one(sidecar: Sidecar) -> None:
    sidecar.call("register", id="a", code=ECHO)
    assert sidecar.error("register", id="a", code="def", replace=True)["data"]["kind"] == "invalid_tool"
    assert sidecar.call("run", id="a", args=7)["result"]["data"] == 7


def test_an_id_can_be_used_again_after_unregister(sidecar: Sidecar) -> None:
    sidecar.call("register", id="a", code=ECHO)
    sidecar.call("unregister", id="a")
    sidecar.call("register", id="a", code=OTHER)
    assert sidecar.call("run", id="a")["result"]["data"] == "other"


def test_requests_sent_in_one_write_happen_in_their_order(sidecar: Sidecar) -> None:
    requests = [
        sidecar.start("register", id="a", code=ECHO, schema={"type": "integer"}),
        sidecar.start("run", id="a", args=1),
        sidecar.start("register", id="a", code=OTHER, replace=True),
        sidecar.start("run", id="a", args=2),
        sidecar.start("unregister", id="a"),
        sidecar.start("run", id="a", args=3),
    ]
    replies = [sidecar.reply(request) for request in requests]
    assert replies[1]["result"]["result"]["data"] == 1
    assert replies[3]["result"]["result"]["data"] == "other"
    assert replies[5]["error"]["data"]["kind"] == "tool_not_found"


@pytest.mark.parametrize("tool_id", ["ї🙂", "a b", "../../etc/passwd", "x" * 256, "__proto__", "<tool>\n"])
def test_an_id_is_any_text(sidecar: Sidecar, tool_id: str) -> None:
    assert sidecar.call("register", id=tool_id, code=ECHO)["id"] == tool_id
    assert sidecar.call("run", id=tool_id, args=1)["result"]["data"] == 1


@pytest.mark.parametrize("method", ["run", "unregister"])
def test_an_unknown_tool_is_not_found(sidecar: Sidecar, method: str) -> None:
    error = sidecar.error(method, id="nobody")
    assert (error["code"], error["data"]["kind"]) == (-32010, "tool_not_found")
    assert "nobody" in error["message"]


def test_code_that_does_not_compile_is_no_tool(sidecar: Sidecar) -> None:
    error = sidecar.error("register", id="a", code="x = 1\ndef run(args):\n    return (1\n")
    assert (error["code"], error["data"]["kind"]) == (-32012, "invalid_tool")
    assert (error["data"]["line"], error["data"]["column"]) == (3, 12)
    assert sidecar.error("run", id="a")["data"]["kind"] == "tool_not_found"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "objekt"},
        {"type": "object", "properties": []},
        {"minimum": "zero"},
        {"pattern": "("},
        {"$ref": "#/nowhere"},
        {"$ref": "https://example.org/schema.json"},
        {"required": "a"},
    ],
    ids=str,
)
def test_a_schema_that_is_none_is_no_tool(sidecar: Sidecar, schema: Any) -> None:
    error = sidecar.error("register", id="a", code=ECHO, schema=schema)
    assert (error["code"], error["data"]["kind"]) == (-32012, "invalid_tool")
    assert "schema" in error["message"]
    assert type(error["data"]["line"]) is int
    assert type(error["data"]["column"]) is int
    assert sidecar.call("list") == {"tools": []}


@pytest.mark.parametrize(
    "source",
    ["\ufeffdef run(args):\r\n    return args\r\n", "\n      def run(args):\n          return args\n  "],
    ids=["byte order mark and CRLF", "indented"],
)
def test_source_is_taken_as_hosts_quote_it(sidecar: Sidecar, source: str) -> None:
    sidecar.call("register", id="a", code=source)
    assert sidecar.call("run", id="a", args=7)["result"] == {"ok": True, "data": 7}


def test_line_numbers_are_those_of_the_text_as_it_was_given(sidecar: Sidecar) -> None:
    source = "\r\n\r\n    def run(args):\r\n        raise ValueError('here')\r\n"
    assert sidecar.run(source)["result"]["error"]["line"] == 4
    assert sidecar.error("register", id="a", code="\n\n    def run(args):\n        return (\n")["data"]["line"] == 4


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("def default(args):\n    return 'default'\n", "default"),
        ("def default(args):\n    return 1\ndef run(args):\n    return 'run'\n", "run"),
        ("async def run(args):\n    return 'async'\n", "async"),
        ("async def default(args):\n    return 'async default'\n", "async default"),
        ("def run(args):\n    return __name__ != '__main__'\n", True),
    ],
)
def test_a_tool_is_run_or_failing_that_default(sidecar: Sidecar, source: str, result: object) -> None:
    assert sidecar.run(source)["result"] == {"ok": True, "data": result}


def test_every_run_starts_from_fresh_module_state(sidecar: Sidecar) -> None:
    code = (
        "import builtins, json, os\nseen = []\ndef run(args):\n"
        "    before = [seen[:], hasattr(json, 'mark'), hasattr(builtins, 'mark'), os.listdir(), 'MARK' in os.environ]\n"
        "    seen.append(1); json.mark = builtins.mark = 1; open('mark', 'w').close(); os.environ['MARK'] = '1'\n"
        "    return before\n"
    )
    sidecar.call("register", id="a", code=code)
    for _ in range(5):
        assert sidecar.call("run", id="a")["result"]["data"] == [[], False, False, [], False]
