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
    "code", ["def run(): return 1", "def run(a, b): return 1", "def default(): return 1", "def run(*, a, **more): pass"]
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


@pytest.mark.parametrize(
    ("body", "option"),
    [
        ("[open('a%d' % n, 'w').close() for n in range(5000)]", "PYRUNNER_SCRATCH_MAX_INODES"),
        ("open('a', 'wb').truncate(1 << 40)", "PYRUNNER_SCRATCH_MAX_BYTES"),
        ("kept = [open('/dev/null') for _ in range(1000)]", "PYRUNNER_MAX_OPEN_FILES"),
        (
            "import threading as t; [t.Thread(target=t.Event().wait).start() for _ in range(999)]",
            "PYRUNNER_MAX_THREADS",
        ),
        ("bytearray(1 << 40)", "maxMemoryMB"),
    ],
)
def test_a_limit_that_was_met_is_named_by_its_option(tools: ToolRunner, body: str, option: str) -> None:
    # In the usual 256 MiB the stacks of all threads that there may be leave one or two: either limit may come first.
    reply = tools.run(f"def run(args):\n    {body}", timeout_ms=20_000, max_memory_mb=512)
    assert option in reply.error["hint"], reply.error


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("import socket; socket.socket()", "socket(AF_INET) at line 2: tools have no network: "),
        ("open('/etc/passwd')", "open(/etc/passwd) at line 2: tools see no files of the host "),
        ("open('/etc/' + chr(10) * 300)", "open(/etc/\\n\\n"),
        ("import os; os.fork()", "os.fork() at line 2: tools cannot start or signal other processes: "),
        ("import os; os.forkpty()", "os.forkpty() at line 2: tools cannot start "),
        ("import os; os.utime('/usr')", "os.utime(/usr) at line 2: tools see no files "),
        ("import subprocess; subprocess.run(['ls'])", "subprocess.Popen(command) at line 2: tools cannot start "),
        ("import urllib.request as u; u.urlopen('http://a.b')", "socket.getaddrinfo(a.b) at line 2: tools have no "),
        ("import sqlite3; sqlite3.connect('/srv/a')", "sqlite3.connect(/srv/a) at line 2: tools see no files "),
        (
            "import asyncio; asyncio.run(asyncio.open_connection('a.b', 80))",
            "socket.getaddrinfo(a.b) at line 2: tools have no network: ",
        ),
        (
            "import concurrent.futures as f; f.ThreadPoolExecutor().submit(open, '/etc/x').result()",
            "open(/etc/x) at line 2: tools see no files ",
        ),
    ],
)
def test_an_uncaught_denial_is_a_hint_that_begins_with_call_line_and_policy(
    watched: ToolRunner, body: str, sentence: str
) -> None:
    assert watched.run(f"def run(args):\n    {body}").error["hint"].startswith(sentence)


def test_a_hint_is_of_the_exception_that_was_raised_and_not_of_another_at_its_line(watched: ToolRunner) -> None:
    code = """\
import socket
def run(args):
    for path in ("/etc/passwd", None, "missing"):
        try: open(path) if path else socket.socket()
        except OSError:
            if path == "missing": raise
"""
    reply = watched.run(code)
    assert "hint" not in reply.error
    assert [one.call for one in reply.refused.listed] == ["open", "socket"]
