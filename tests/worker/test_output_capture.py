from __future__ import annotations

from typing import TYPE_CHECKING

import harness
import pytest

from sidecar.config import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness import Found, ToolRunner


def test_what_c_code_printed_is_kept_when_the_tool_is_killed(tools: ToolRunner) -> None:
    code = """
        import ctypes
        def run(args):
            ctypes.CDLL(None).puts(b"text")
            while True:
                pass
    """
    reply = tools.run(code, timeout_ms=300)
    assert (reply.code, reply.stdout) == ("timeout", "text\n")


@pytest.mark.parametrize(
    ("body", "stream"),
    [
        ("print('text')", "stdout"),
        ("print('text', file=sys.stderr)", "stderr"),
        ("sys.stdout.write('text\\n')", "stdout"),
        ("sys.stderr.write('text\\n')", "stderr"),
        ("sys.__stdout__.write('text\\n')", "stdout"),
        ("sys.__stderr__.write('text\\n')", "stderr"),
        ("sys.stdout.buffer.write(b'text\\n')", "stdout"),
        ("sys.stderr.buffer.write(b'text\\n')", "stderr"),
        ("os.write(1, b'text\\n')", "stdout"),
        ("os.write(2, b'text\\n')", "stderr"),
        ("open(1, 'w', closefd=False).write('text\\n')", "stdout"),
        ("os.fdopen(os.dup(2), 'w').write('text\\n')", "stderr"),
        ("libc.puts(b'text')", "stdout"),
        ("libc.write(2, b'text\\n', 5)", "stderr"),
        ("libc.perror(b'') if False else libc.dprintf(1, b'text\\n')", "stdout"),
        ("logging.getLogger('x').warning('text')", "stderr"),
        ("logging.basicConfig(stream=sys.stdout, format='%(message)s'); logging.error('text')", "stdout"),
        ("sys.displayhook('text')", "stdout"),
        ("warnings.warn('text')", "stderr"),
        ("traceback.print_exception(ValueError, ValueError('text'), None)", "stderr"),
        ("threading.Thread(target=print, args=('text',)).run()", "stdout"),
        ("_in_thread(lambda: print('text'))", "stdout"),
    ],
)
def test_output_is_captured_whatever_writes_it(tools: ToolRunner, body: str, stream: str) -> None:
    code = f"""
        import ctypes, logging, os, sys, threading, traceback, warnings
        libc = ctypes.CDLL(None)
        def _in_thread(job):
            thread = threading.Thread(target=job)
            thread.start()
            thread.join()
        def run(args):
            {body}
    """
    reply = tools.run(code)
    assert reply.result["ok"] is True, reply.error
    printed = {"stdout": reply.stdout, "stderr": reply.stderr}
    assert "text" in printed.pop(stream)
    assert set(printed.values()) == {""}


def test_output_keeps_its_order_across_python_and_c(tools: ToolRunner) -> None:
    code = """
        import ctypes, os, sys
        def run(args):
            print("1", end="")
            os.write(1, b"2")
            sys.stdout.buffer.write(b"3")
            ctypes.CDLL(None).write(1, b"4", 1)
            print("5", end="")
    """
    assert tools.run(code).stdout == "12345"


def test_output_of_a_module_body_is_captured_too(tools: ToolRunner) -> None:
    assert tools.run("print('top')\ndef run(args): print('run')").stdout == "top\nrun\n"


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("while True: pass", "timeout"),
        ("raise ValueError", "tool_error"),
        ("sys.exit(1)", "exited"),
        ("os._exit(1)", "exited"),
        ("os.abort()", "crashed"),
        ("os.close(3); os._exit(0)", "exited"),
        ("return {1}", "not_serializable"),
        ("bytearray(1 << 40)", "memory_limit"),
    ],
)
def test_what_was_printed_is_kept_however_the_call_ends(tools: ToolRunner, ending: str, code: str) -> None:
    text = f"""
        import os, sys
        def run(args):
            print("out, without a line end", end="")
            print("err", file=sys.stderr)
            {ending}
    """
    reply = tools.run(text, timeout_ms=300)
    assert (reply.error["code"], reply.stdout, reply.stderr) == (code, "out, without a line end", "err\n")


def test_what_was_printed_before_a_syntax_error_of_the_tool_is_nothing(tools: ToolRunner) -> None:
    reply = tools.run("print('never')\ndef run(args:")
    assert (reply.error["code"], reply.stdout, reply.stderr) == ("syntax_error", "", "")


def test_output_that_is_not_utf_8_is_shown_with_replacement_characters(tools: ToolRunner) -> None:
    reply = tools.run("import os\ndef run(args): os.write(1, b'a\\xffb\\xf0\\x9f'); os.write(2, b'\\x80')")
    assert (reply.stdout, reply.stderr) == ("a\ufffdb\ufffd", "\ufffd")


def test_text_with_lone_surrogates_can_be_printed(tools: ToolRunner) -> None:
    assert tools.run("def run(args): print('a\\ud800b')").stdout == "a\\ud800b\n"


def test_unicode_is_printed_as_utf_8_whatever_the_hosts_locale(tools: ToolRunner) -> None:
    reply = tools.run("import sys\ndef run(args): print('ключ 🐍'); return [sys.stdout.encoding, sys.stdin.read()]")
    assert (reply.stdout, reply.data) == ("ключ 🐍\n", ["utf-8", ""])


def test_null_bytes_and_carriage_returns_are_kept(tools: ToolRunner) -> None:
    assert tools.run("def run(args): print('a\\0b\\r\\nc\\rd', end='')").stdout == "a\0b\r\nc\rd"


def test_reading_input_is_an_end_of_file_and_no_hang(tools: ToolRunner) -> None:
    assert tools.run("def run(args): return input('name? ')").error["type"] == "EOFError"


@pytest.mark.parametrize(
    "body",
    [
        "sys.stdout.close()",
        "sys.stderr.close()",
        "sys.stdout = None; sys.stderr = None",
        "del sys.stdout, sys.stderr",
        "sys.stdout = open('out.txt', 'w'); print('elsewhere')",
        "sys.stdout = Odd()",
        "os.close(1); os.close(2)",
        "os.closerange(0, 3)",
        "os.dup2(os.open('out.txt', os.O_CREAT | os.O_WRONLY), 1)",
        "sys.stdout.detach()",
        "sys.stdout.reconfigure(write_through=False); print('kept')",
    ],
)
def test_a_tool_may_break_its_streams_and_still_return(tools: ToolRunner, body: str) -> None:
    code = f"""
        import os, sys
        class Odd:
            def write(self, text): raise ValueError
            def flush(self): raise SystemExit(1)
        def run(args):
            {body}
            return "done"
    """
    reply = tools.run(code)
    assert reply.data == "done"
    if "kept" in body:
        assert reply.stdout == "kept\n"
    assert tools.run("def run(args): print(1)").stdout == "1\n"


def test_output_sent_to_a_string_is_not_in_the_reply(tools: ToolRunner) -> None:
    code = """
        import contextlib, io
        def run(args):
            text = io.StringIO()
            with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
                print("inside")
            print("outside")
            return text.getvalue()
    """
    reply = tools.run(code)
    assert (reply.data, reply.stdout) == ("inside\n", "outside\n")


@pytest.fixture(scope="module")
def narrow(interpreter: Found) -> Iterator[ToolRunner]:
    """A runner that keeps a hundred bytes of each stream."""
    limits = Limits(stdout_max_bytes=100, stderr_max_bytes=100)
    runner = harness.ToolRunner(harness.config(interpreter.path, limits=limits))
    yield runner
    runner.close()


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("text", ["aéé🐍", "🐍", "é", "x"])
@pytest.mark.parametrize("shift", range(4))
def test_output_is_cut_between_characters_and_the_call_still_succeeds(
    narrow: ToolRunner, stream: str, text: str, shift: int
) -> None:
    printed = "x" * shift + text * 200
    reply = narrow.run(f"import sys\ndef run(args): sys.{stream}.write(args); return 'fine'", printed)
    assert reply.data == "fine"
    cut = {"stdout": reply.stdout, "stderr": reply.stderr}
    kept = cut.pop(stream)
    assert printed.startswith(kept)
    assert 100 - 3 <= len(kept.encode()) <= 100
    assert (reply.stdout_truncated, reply.stderr_truncated) == (stream == "stdout", stream == "stderr")
    assert set(cut.values()) == {""}


def test_output_of_exactly_the_limit_is_not_truncated(narrow: ToolRunner) -> None:
    reply = narrow.run("def run(args): print('x' * 100, end='')")
    assert (reply.stdout, reply.stdout_truncated) == ("x" * 100, False)


def test_the_default_limit_keeps_a_mebibyte_of_each_stream(tools: ToolRunner) -> None:
    code = "import sys\ndef run(args):\n  for s in (sys.stdout, sys.stderr): s.write('x' * 3_000_000)"
    reply = tools.run(code)
    assert reply.data is None
    assert (len(reply.stdout), len(reply.stderr)) == (1 << 20, 1 << 20)
    assert (reply.stdout_truncated, reply.stderr_truncated) == (True, True)


def test_output_is_handed_on_while_the_tool_runs(tools: ToolRunner) -> None:
    heard: list[tuple[str, str]] = []
    code = """
        import os, sys
        def run(args):
            print("é")
            print("b", file=sys.stderr)
            os.write(1, b"\\xf0\\x9f")
            os.write(1, b"\\x90\\x8d")
    """
    reply = tools.run(code, on_output=lambda stream, text: heard.append((stream, text)))
    for stream, whole in (("stdout", reply.stdout), ("stderr", reply.stderr)):
        assert "".join(text for name, text in heard if name == stream) == whole
    assert (reply.stdout, reply.stderr) == ("é\n🐍", "b\n")
