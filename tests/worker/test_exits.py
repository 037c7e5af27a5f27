from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness import ToolRunner

MESSAGE_CHARS = 16 * 1024
TRACEBACK_CHARS = 64 * 1024


@pytest.mark.parametrize(("raised", "name"), [("KeyboardInterrupt('k')", "KeyboardInterrupt"), ("Own('k')", "Own")])
def test_what_is_no_exception_but_can_be_raised_is_the_tools_error(tools: ToolRunner, raised: str, name: str) -> None:
    error = tools.run(f"class Own(BaseException): pass\ndef run(args):\n    raise {raised}").error
    assert (error["code"], error["type"], error["message"], error["line"]) == ("tool_error", name, "k", 3)


@pytest.mark.parametrize("status", ["", "0", "3", "'text'", "None", "[1]"])
def test_sys_exit_is_exited_and_says_with_what(tools: ToolRunner, status: str) -> None:
    reply = tools.run(f"import sys\ndef run(args):\n    print('before')\n    sys.exit({status})")
    assert (reply.error["code"], reply.error["type"], reply.error["line"]) == ("exited", "SystemExit", 4)
    assert reply.error["message"]
    assert reply.stdout == "before\n"


@pytest.mark.parametrize("call", ["exit(1)", "quit()", "raise SystemExit"])
def test_every_way_to_exit_is_exited_or_a_name_that_is_not_there(tools: ToolRunner, call: str) -> None:
    # exit and quit come from site, which is not loaded.
    error = tools.run(f"def run(args):\n    {call}").error
    assert (error["code"], error["type"]) in (("exited", "SystemExit"), ("tool_error", "NameError"))


@pytest.mark.parametrize("status", [0, 1, 255])
def test_ending_the_process_is_exited_with_its_status_and_output(tools: ToolRunner, status: int) -> None:
    reply = tools.run(f"import os\ndef run(args):\n    print('before')\n    os._exit({status})")
    assert (reply.error["code"], reply.error["type"]) == ("exited", "SystemExit")
    assert f"status {status}" in reply.error["message"]
    assert reply.stdout == "before\n"
    assert tools.run("def run(args): return 1").data == 1


@pytest.mark.parametrize("crash", ["ctypes.string_at(0)", "os.abort()", "ctypes.CFUNCTYPE(None)(16)()"])
def test_a_crash_in_native_code_is_crashed_with_the_signal_and_the_output(tools: ToolRunner, crash: str) -> None:
    code = f"import ctypes, os\ndef run(args):\n    print('before')\n    {crash}"
    reply = tools.run(code)
    assert reply.error["code"] == "crashed"
    assert "signal" in reply.error["message"]
    assert reply.stdout == "before\n"
    assert tools.run("def run(args): return 1").data == 1
