from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness import ToolRunner


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("import numpy", "numpy is not part of Python's standard library"),
        ("import requests.adapters", "requests is not part of"),
        ("from yaml import safe_load", "yaml is not part of"),
        ("import socket; socket.socket()", "no network"),
        ("import socket; socket.create_connection(('127.0.0.1', 80), 1)", "no network"),
        ("import socket; socket.getaddrinfo('example.com', 80)", "no network"),
        ("import urllib.request; urllib.request.urlopen('http://example.com', timeout=1)", "no network"),
        ("import http.client; http.client.HTTPConnection('127.0.0.1', 80, timeout=1).connect()", "no network"),
        ("import smtplib; smtplib.SMTP('127.0.0.1')", "no network"),
        ("import asyncio; asyncio.run(asyncio.wait_for(asyncio.open_connection('127.0.0.1', 80), 1))", "no network"),
        ("import subprocess; subprocess.run(['ls'])", "cannot start"),
        ("import subprocess; subprocess.check_output('ls', shell=True)", "cannot start"),
        ("import os; os.fork()", "cannot start"),
        (
            "import os; os.posix_spawn('/bin/ls', ['ls'], {}) if hasattr(os, 'posix_spawn') else os.fork()",
            "cannot start",
        ),
        ("import os; os.execv('/bin/ls', ['ls'])", "cannot start"),
        ("import os; os.popen('ls')", "cannot start"),
        ("import multiprocessing; multiprocessing.Process(target=print).start()", "cannot start"),
        ("import multiprocessing; multiprocessing.Pool(2)", "cannot start"),
        ("import concurrent.futures as f; f.ProcessPoolExecutor(1).submit(print).result()", "cannot start"),
        ("import asyncio; asyncio.run(_shell())", "cannot start"),
        ("import os; os.kill(2, 9)", "cannot start or signal"),
        ("open('/etc/passwd')", "no files of the host"),
        ("open('/etc/new', 'w')", "no files of the host"),
        ("import os; os.listdir('/home')", "no files of the host"),
        ("import pathlib; pathlib.Path('/root/.ssh/id_rsa').read_text()", "no files of the host"),
        ("import shutil; shutil.copy('/etc/hosts', 'hosts')", "no files of the host"),
        ("args['city']", "args has no 'city' (given: 'country', 'zip')"),
        ("[][:] or bytearray(1 << 40)", "maxMemoryMB"),
    ],
)
def test_what_tools_stumble_over_comes_with_what_to_do_about_it(tools: ToolRunner, body: str, words: str) -> None:
    code = f"""
        async def _shell():
            import asyncio
            return await asyncio.create_subprocess_exec('/bin/ls')
        def run(args):
            {body}
    """
    reply = tools.run(code, {"zip": 1, "country": 2})
    assert words in reply.error.get("hint", ""), reply.error


@pytest.mark.parametrize(
    "code", ["def run(): return 1", "def run(a, b): return 1", "def default(): return 1", "def run(*, a): pass"]
)
def test_an_entry_point_with_the_wrong_signature_is_told_how_it_is_called(tools: ToolRunner, code: str) -> None:
    error = tools.run(code).error
    assert (error["code"], error["type"]) == ("tool_error", "TypeError")
    assert "def run(args)" in error["hint"]


@pytest.mark.parametrize(
    "body",
    [
        "raise ValueError('plain')",
        "{}['a']['b']",
        "1 / 0",
        "open('missing.txt')",
        "import os; os.remove('missing')",
        "{'country': 1}.pop('nothing' if False else 5)",
        "[].run()",
        "len(5)",
    ],
)
def test_an_error_that_needs_no_advice_has_none_about_the_sandbox(tools: ToolRunner, body: str) -> None:
    hint = tools.run(f"def run(args): {body}", {"a": 1}).error.get("hint", "")
    assert "Tools " not in hint
    assert "entry point" not in hint


def test_a_missing_parameter_of_a_tool_without_arguments_says_none_was_given(tools: ToolRunner) -> None:
    assert "given: none" in tools.run("def run(args): return args['city']").error["hint"]


def test_a_host_file_met_as_a_missing_one_says_the_path_and_the_line(tools: ToolRunner) -> None:
    error = tools.run("def run(args):\n    return open('/etc/hostname').read()").error
    assert "/etc/hostname" in error["message"]
    assert error["line"] == 2


def test_a_missing_part_of_a_package_of_the_standard_library_is_not_called_third_party(
    tools: ToolRunner,
) -> None:
    error = tools.run("def run(args):\n    import json.nothing_here").error
    assert error["type"] == "ModuleNotFoundError"
    assert "json is not part of" not in error.get("hint", "")
