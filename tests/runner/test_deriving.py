"""Deriving runs a module's top level: what that may do, it may do here too, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sidecar.tools.derived import read

if TYPE_CHECKING:
    from harness import ToolRunner

RUN = "\ndef run(*, n: int): return n"


@pytest.mark.parametrize(
    ("top", "words"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import requests", "ModuleNotFoundError"),
        ("raise SystemExit(3)", "SystemExit"),
        ("x = 'y' * (1 << 40)", "MemoryError"),
        ("open('/etc/passwd')", "Error"),
        ("import socket; socket.socket()", "PermissionError"),
        ("class Mute(Exception):\n  def __str__(self): raise self\nraise Mute()", "Mute"),
    ],
)
def test_a_top_level_that_raises_is_a_problem_that_says_so(runner: ToolRunner, top: str, words: str) -> None:
    found = read(runner.derive(top + RUN).answer)
    assert found.schema is None
    assert words in found.problem


@pytest.mark.parametrize(
    ("top", "words"),
    [
        ("while True: pass", "did not end within"),
        ("import os; os._exit(0)", "ended its process"),
        ("import ctypes; ctypes.string_at(0)", "ended its process"),
        ("import os; os.close(3)", "ended its process"),
        ("import os; os.write(3, b'garbage' * 100)", ""),
    ],
)
def test_a_top_level_that_never_answers_is_a_problem_too(runner: ToolRunner, top: str, words: str) -> None:
    found = runner.derive(top + RUN)
    assert found.problem
    assert words in found.problem
    assert runner.run("def run(args): return 1").data == 1


def test_there_are_no_arguments_and_nothing_of_the_tool_is_called(runner: ToolRunner) -> None:
    found = read(runner.derive("class T(type):\n  def __call__(s): 1 / 0\ndef run(*, n: int): 1 / 0").answer)
    assert found.schema is not None


def test_what_a_worker_sends_instead_is_bounded(runner: ToolRunner) -> None:
    forge = "import os, struct\nb = b'[' + b' ' * (1 << 17) + b']'\nos.write(3, struct.pack('!BI', 0x32, len(b)) + b)"
    assert "bytes to describe" in runner.derive(forge + RUN).problem


def test_the_tools_own_memory_limit_holds(runner: ToolRunner) -> None:
    found = runner.derive("x = bytearray(200 << 20)" + RUN, max_memory_mb=64)
    assert found.problem or read(found.answer).problem
