"""Where a tool meets a wall, the call is named with its argument, its line and the policy; elsewhere nothing is."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import harness
import pytest
import standard_library

from sidecar.runner.outcome import Violations
from sidecar.worker import wire

if TYPE_CHECKING:
    from harness import Found, ToolRunner

NETWORK, PROCESSES, FILES = (wire.POLICIES[name] for name in (wire.NETWORK, wire.PROCESSES, wire.FILES))
# A name that can meet a wall: without one there is nothing to watch, and nothing that could be found by mistake.
NEAR = "\n_near = open\n"

SWALLOWED = [
    ("import socket; socket.socket()", ("socket", "AF_INET", NETWORK)),
    ("import socket; socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)", ("socket", "AF_INET6", NETWORK)),
    ("import socket; socket.socketpair()[0].connect('/x')", ("socket.connect", "AF_UNIX", NETWORK)),
    ("import socket; socket.getaddrinfo('example.com', 80)", ("socket.getaddrinfo", "example.com", NETWORK)),
    ("import socket; socket.gethostbyname('example.com')", ("socket.gethostbyname", "example.com", NETWORK)),
    ("import socket; socket.gethostbyaddr('127.0.0.1')", ("socket.gethostbyaddr", "127.0.0.1", NETWORK)),
    ("import urllib.request as u; u.urlopen('http://example.com')", ("socket.getaddrinfo", "example.com", NETWORK)),
    ("import http.client as h; h.HTTPConnection('10.0.0.1').connect()", ("socket", "AF_INET", NETWORK)),
    ("import asyncio; asyncio.run(asyncio.open_connection('10.0.0.1', 80))", ("socket", "AF_INET", NETWORK)),
    ("import os; os.fork()", ("os.fork", "", PROCESSES)),
    ("import os; os.forkpty()", ("os.forkpty", "", PROCESSES)),
    ("import os; os.system('echo secret')", ("os.system", "command", PROCESSES)),
    ("import os; os.execv('/bin/ls', ['ls'])", ("os.exec", "command", PROCESSES)),
    ("import os; os.posix_spawn('/bin/ls', ['ls'], {})", ("os.posix_spawn", "command", PROCESSES)),
    ("import os; getattr(os, 'fo' + 'rk')()", ("os.fork", "", PROCESSES)),
    ("import subprocess; subprocess.run(['ls', 'secret'])", ("subprocess.Popen", "command", PROCESSES)),
    ("import subprocess; subprocess.run('echo secret', shell=True)", ("subprocess.Popen", "command", PROCESSES)),
    ("import multiprocessing; multiprocessing.Process(target=print).start()", ("os.fork", "", PROCESSES)),
    ("import os; os.kill(2, 9)", ("os.kill", "2", PROCESSES)),
    ("import os; os.kill(-1, 9)", ("os.kill", "-1", PROCESSES)),
    ("import os; os.killpg(1, 9)", ("os.killpg", "1", PROCESSES)),
    ("open('/etc/passwd')", ("open", "/etc/passwd", FILES)),
    ("open(b'/etc/passwd')", ("open", "/etc/passwd", FILES)),
    ("open('../etc/passwd')", ("open", "/etc/passwd", FILES)),
    ("open('/etc/new', 'w')", ("open", "/etc/new", FILES)),
    ("open(__import__('os').__file__, 'a')", None),
    ("import pathlib; pathlib.Path('/etc/passwd').read_text()", ("open", "/etc/passwd", FILES)),
    ("import os; os.open('/etc/passwd', os.O_RDONLY)", ("open", "/etc/passwd", FILES)),
    ("import shutil; shutil.copy('/etc/hosts', 'here')", ("open", "/etc/hosts", FILES)),
    ("import os; os.listdir('/home')", ("os.listdir", "/home", FILES)),
    ("import glob; glob.glob('/etc/*')", ("os.scandir", "/etc", FILES)),
    ("import os; list(os.walk('/etc'))", ("os.scandir", "/etc", FILES)),
    ("import os; os.chdir('/home')", ("os.chdir", "/home", FILES)),
    ("import os; os.mkdir('/srv/new')", ("os.mkdir", "/srv/new", FILES)),
    ("import os; os.remove('/etc/passwd')", ("os.remove", "/etc/passwd", FILES)),
    ("import os; os.rmdir('/usr')", ("os.rmdir", "/usr", FILES)),
    ("import os; open('a', 'w').close(); os.rename('a', '/usr/a')", ("os.rename", "/usr/a", FILES)),
    ("import os; os.link('/etc/passwd', 'a')", ("os.link", "/etc/passwd", FILES)),
    ("import os; os.symlink('a', '/usr/a')", ("os.symlink", "/usr/a", FILES)),
    ("import os; os.chmod('/usr', 0o777)", ("os.chmod", "/usr", FILES)),
    ("import os; os.chown('/usr', 0, 0)", ("os.chown", "/usr", FILES)),
    ("import os; os.utime('/usr')", ("os.utime", "/usr", FILES)),
    ("import os; os.truncate('/usr/a', 0)", ("os.truncate", "/usr/a", FILES)),
    ("import sqlite3; sqlite3.connect('/srv/a.db')", ("sqlite3.connect", "/srv/a.db", FILES)),
]

ALLOWED = {
    "a socketpair": """
        import socket
        a, b = socket.socketpair()
        a.send(b"x")
        a.dup().close()
    """,
    "addresses": """
        import socket
        socket.getaddrinfo("127.0.0.1", 80), socket.getaddrinfo("::1", 80), socket.getaddrinfo("127.1", 80)
        socket.getfqdn()
    """,
    "scratch files": """
        import os, tempfile, shutil
        open("a", "w").close()
        os.makedirs("b/c", exist_ok=True)
        os.rename("a", "b/a")
        os.symlink("/etc/passwd", "dangling")
        shutil.rmtree(tempfile.mkdtemp())
        os.listdir(), os.listdir(os.getcwd()), list(os.scandir("b")), os.listdir(os.open("b", os.O_RDONLY))
        tempfile.NamedTemporaryFile().close()
        shutil.copytree("b", "d")
        os.remove("b/a")
    """,
    "what is missing": """
        import os
        for path in ("missing", "b/../missing", os.__file__ + "x", os.getcwd() + "/missing"):
            try: open(path)
            except FileNotFoundError: pass
    """,
    "the library and devices": """
        import os
        open("/dev/null", "w").close(), open("/dev/urandom", "rb").close(), open(os.__file__).close()
        os.listdir(os.path.dirname(os.__file__))
    """,
    "directories that are there": """
        import os
        os.makedirs("/usr", exist_ok=True)
        os.makedirs(os.getcwd(), exist_ok=True)
    """,
    "a descriptor elsewhere": """
        import os
        scratch = os.open(".", os.O_RDONLY)
        os.chdir(os.path.dirname(os.__file__))
        os.mkdir("x", dir_fd=scratch)
        os.close(os.open("x/f", os.O_CREAT | os.O_WRONLY, dir_fd=scratch))
        os.rename("x/f", "g", src_dir_fd=scratch, dst_dir_fd=scratch)
        os.remove("g", dir_fd=scratch)
    """,
    "signals to oneself": """
        import os, signal
        os.kill(os.getpid(), 0)
        signal.raise_signal(signal.SIGWINCH)
    """,
    "a third-party import": """
        try: import numpy
        except ImportError: pass
    """,
    "imports": """
        import subprocess, multiprocessing.pool, socketserver, http.server, smtplib, ssl, pty, ctypes, xmlrpc.client
        import asyncio, concurrent.futures.process, urllib.request, ftplib, sqlite3, dbm, venv, unittest
    """,
    "what makes do without": """
        import platform, ctypes.util, uuid
        platform.processor(), platform.uname()
        ctypes.CDLL(None), ctypes.util.find_library("nothing")
        uuid.uuid1(), uuid.getnode()
        try: platform.freedesktop_os_release()
        except (OSError, AttributeError): pass
    """,
    "zoneinfo": """
        try: import zoneinfo
        except ImportError: return
        zoneinfo.available_timezones(), zoneinfo.ZoneInfo("Europe/Kyiv")
    """,
    "sources that are shown": """
        import inspect, traceback, warnings
        inspect.stack(), inspect.getsource(inspect.stack)
        traceback.print_stack()
        warnings.warn("x")
    """,
    "settings": """
        import locale, gettext, mimetypes, getpass, sysconfig, site, webbrowser, urllib.request
        locale.getpreferredencoding(), locale.localeconv(), gettext.translation("x", fallback=True)
        mimetypes.init(), sysconfig.get_config_vars(), site.getsitepackages(), urllib.request.getproxies()
        try: getpass.getuser()
        except (KeyError, OSError): pass
        try: webbrowser.get()
        except webbrowser.Error: pass
    """,
    "logging": """
        import logging.handlers
        logging.basicConfig(filename="a.log")
        logging.warning("x")
    """,
    "archives": """
        import zipfile, tarfile, shutil
        open("f", "w").close()
        zipfile.ZipFile("a.zip", "w").write("f")
        with tarfile.open("a.tgz", "w:gz") as tar: tar.add("f")
        shutil.unpack_archive("a.tgz", "out")
    """,
    "databases": """
        import sqlite3, shelve
        for name in (":memory:", "x.db", ""): sqlite3.connect(name)
        sqlite3.connect("file:y?mode=memory", uri=True)
        shelve.open("s").close()
    """,
    "mail": """
        import email.utils
        email.utils.make_msgid()
    """,
    "modules": """
        import importlib.util, pkgutil, runpy
        list(pkgutil.iter_modules())
        open("m.py", "w").close()
        runpy.run_path("m.py")
    """,
    "asyncio": """
        import asyncio, signal
        async def main():
            loop = asyncio.get_event_loop()
            loop.add_signal_handler(signal.SIGUSR1, print)
            await loop.run_in_executor(None, len, "x")
        asyncio.run(main())
    """,
}


def _tool(body: str) -> str:
    return "def run(args):\n" + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ") + NEAR


def _swallowing(body: str) -> str:
    return _tool(f"try:\n    {body}\nexcept Exception as error:\n    return type(error).__name__")


def test_without_audit_hooks_there_is_no_account_and_everything_else_is_as_ever(
    tools: ToolRunner, interpreter: Found
) -> None:
    reply = tools.run(_swallowing("open('/etc/passwd')"))
    assert reply.data == "FileNotFoundError"
    assert (reply.violations is None) == (interpreter.version < (3, 8))
    assert "no files of the host" in tools.run("open('/etc/passwd')").error["hint"]


@pytest.mark.parametrize(("body", "expected"), SWALLOWED)
def test_a_denial_that_the_tool_swallows_is_named_with_its_line(
    watched: ToolRunner, body: str, expected: tuple[str, str, str] | None
) -> None:
    found = watched.run(_swallowing(body)).refused
    (one,) = found.listed
    assert (one.line, found.omitted) == (3, 0)
    assert expected in (None, (one.call, one.argument, one.policy))
    assert "secret" not in repr(one)


@pytest.mark.parametrize("body", ALLOWED.values(), ids=ALLOWED)
def test_what_is_allowed_is_no_violation(watched: ToolRunner, body: str) -> None:
    reply = watched.run(_tool(body), timeout_ms=20_000)
    assert reply.code == "ok", reply.error
    assert (reply.refused.listed, reply.refused.omitted) == ((), 0)


@pytest.mark.parametrize("body", standard_library.WORKS.values(), ids=standard_library.WORKS)
def test_the_standard_library_at_work_makes_no_violations(watched: ToolRunner, body: str) -> None:
    found = watched.run(_tool(body), timeout_ms=20_000).refused
    assert (found.listed, found.omitted) == ((), 0)


@pytest.mark.parametrize(
    ("without", "calls"),
    [
        ({"seccomp"}, {"open"}),
        ({"namespaces"}, {"socket", "open"}),
        ({"namespaces", "landlock"}, {"socket"}),
        ({"namespaces", "landlock", "seccomp"}, None),
    ],
    ids=["no seccomp", "no namespaces", "seccomp alone", "nothing"],
)
def test_only_what_the_layers_in_force_refuse_is_foretold(without: set[str], calls: set[str] | None) -> None:
    code = _tool("""
        import socket
        for call in (socket.socket, lambda: open("/etc/passwd")):
            try: call().close()
            except OSError: pass
    """)
    runner = harness.ToolRunner(harness.config(min_isolation="process"), frozenset(without))
    try:
        reply = runner.run(code)
        assert reply.code == "ok", reply.error
        assert (calls is None) == (reply.violations is None)
        assert calls in (None, {one.call for one in (reply.violations or Violations()).listed})
    finally:
        runner.close()
