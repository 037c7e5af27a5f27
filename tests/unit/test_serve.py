"""The process: how it starts, what it prints where, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
PROGRAM = """
import os, sys
from fake_runner import FakeRunner
from sidecar.app import serve
{before}
sys.exit(serve(os.environ, {runner}))
"""
# One second is the promise; the rest is what a busy machine adds to measuring it.
ENDS_WITHIN_S = 2.0


@contextmanager
def sidecar(before: str = "", runner: str = "FakeRunner", **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a sidecar with a fake runner, and leave nothing of it."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(before=before, runner=runner)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{HERE}:{HERE.parents[1]}", **environ},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_asyncio_comes_without_tls_which_others_can_still_import() -> None:
    program = (
        "import sys\nfrom sidecar import cli\ncli._import_asyncio()\n"
        "assert 'asyncio' in sys.modules and 'ssl' not in sys.modules\nimport ssl\nassert ssl.SSLContext\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=HERE.parents[1])


def streams(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    return process.stdin, process.stdout, process.stderr


def send(process: subprocess.Popen[bytes], method: str, params: object = None, request_id: object = 1) -> None:
    message = {
        "jsonrpc": "2.0",
        "method": method,
        "params": params,
        **({} if request_id is None else {"id": request_id}),
    }
    body = json.dumps(message).encode()
    stdin = streams(process)[0]
    stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    stdin.flush()


def receive(process: subprocess.Popen[bytes]) -> Any:
    stdout = streams(process)[1]
    head = stdout.readline()
    assert head.startswith(b"Content-Length: "), head
    assert stdout.readline() == b"\r\n"
    return json.loads(stdout.read(int(head.split()[1])))


def ends(process: subprocess.Popen[bytes], code: int) -> None:
    started = time.monotonic()
    assert process.wait(timeout=10) == code
    assert time.monotonic() - started < ENDS_WITHIN_S


def test_the_end_of_stdin_ends_the_process() -> None:
    with sidecar() as process:
        send(process, "list")
        receive(process)
        streams(process)[0].close()
        ends(process, 0)


def test_the_end_of_stdin_ends_the_process_with_calls_in_flight() -> None:
    with sidecar() as process:
        for request_id in range(10):
            send(process, "run", {"code": "hang"}, request_id)
        send(process, "list", None, "last")
        receive(process)
        streams(process)[0].close()
        ends(process, 0)


def test_the_end_of_stdin_ends_the_process_with_a_full_stdout() -> None:
    with sidecar() as process:
        for request_id in range(40):
            send(process, "run", {"code": "big", "args": {"size": 1 << 20}}, request_id)
        streams(process)[0].close()
        ends(process, 0)


def test_a_stdout_that_nobody_reads_any_more_ends_the_process() -> None:
    with sidecar() as process:
        send(process, "list")
        receive(process)
        streams(process)[1].close()
        send(process, "list")
        ends(process, 0)


def test_a_runner_that_does_not_close_cannot_keep_the_process() -> None:
    stuck = "class Stuck(FakeRunner):\n    async def close(self):\n        __import__('time').sleep(60)"
    with sidecar(before=stuck, runner="Stuck") as process:
        send(process, "list")
        receive(process)
        streams(process)[0].close()
        ends(process, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_in_order(number: int) -> None:
    with sidecar() as process:
        send(process, "run", {"code": "hang"})
        send(process, "list", None, 2)
        receive(process)
        process.send_signal(number)
        answer: dict[str, Any] = {"result": None}
        while "result" in answer:  # the signal has not come through yet
            send(process, "list", None, 3)
            answer = receive(process)
        process.send_signal(number)  # a second one does not wait for what hangs
        ends(process, 0)
        assert b"Traceback" not in streams(process)[2].read()


@pytest.mark.parametrize(("shut_down", "code"), [(True, 0), (False, 1)])
def test_exit_ends_the_process(shut_down: bool, code: int) -> None:  # noqa: FBT001 - a parameter of the test
    with sidecar() as process:
        if shut_down:
            send(process, "shutdown")
            assert receive(process)["result"] is None
        send(process, "exit", None, None)
        ends(process, code)


@pytest.mark.parametrize("stdin", ["/dev/null", "file", "closed"])
def test_stdin_may_be_no_pipe(stdin: str, tmp_path: Path) -> None:
    requests = tmp_path / "requests"
    requests.write_bytes(b'Content-Length: 40\r\n\r\n{"jsonrpc":"2.0","id":1,"method":"list"}' * (stdin == "file"))
    redirect = {"/dev/null": "</dev/null", "file": f"<{requests}", "closed": "<&-"}[stdin]
    program = PROGRAM.format(before="", runner="FakeRunner")
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -c "$1" {redirect}', sys.executable, program],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": f"{HERE}:{HERE.parents[1]}"},
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert (b'"tools":[]' in done.stdout) == (stdin == "file")


def test_stdout_carries_frames_and_nothing_else() -> None:
    noisy = (
        "class Noisy(FakeRunner):\n"
        "    async def run(self, request):\n"
        "        print('print'); os.write(1, b'write'); os.system('echo child'); sys.__stdout__.write('old'); \n"
        "        sys.__stdout__.flush(); assert os.read(0, 1) == b''\n"
        "        return await super().run(request)"
    )
    with sidecar(before=noisy, runner="Noisy") as process:
        send(process, "run", {"code": "echo"})
        assert receive(process)["result"]["result"] == {"ok": True, "data": {}}
        streams(process)[0].close()
        assert streams(process)[1].read() == b""
        printed = streams(process)[2].read()
        assert all(word in printed for word in (b"print", b"write", b"child", b"old"))


def test_the_runner_starts_before_pygls_is_imported() -> None:
    early = (
        "class Early(FakeRunner):\n"
        "    def start(self):\n"
        "        assert not {'pygls', 'pydantic', 'jsonschema'} & set(sys.modules)"
    )
    with sidecar(before=early, runner="Early") as process:
        send(process, "list")
        assert "result" in receive(process)


def test_a_malformed_variable_is_the_answer_to_every_request() -> None:
    with sidecar(PYTHON_TIMEOUT_MS="soon") as process:
        for method in ("list", "run", "initialize", "shutdown"):
            send(process, method, {})
            error = receive(process)["error"]
            assert error["code"] == -32602
            assert error["data"] == {"kind": "invalid_config", "variable": "PYTHON_TIMEOUT_MS"}
            assert "PYTHON_TIMEOUT_MS='soon'" in error["message"]
        streams(process)[0].close()
        ends(process, 2)
        log_line = json.loads(streams(process)[2].readline())
        assert log_line["level"] == "error"
        assert "PYTHON_TIMEOUT_MS" in log_line["event"]


def test_a_host_that_does_not_read_stderr_does_not_stop_the_sidecar() -> None:
    with sidecar() as process:
        for request_id in range(1000):
            send(process, "run", {"code": "boom"}, request_id)
            assert receive(process)["error"]["code"] == -32603


def test_no_descriptor_is_left_to_a_child_process() -> None:
    lists = (
        "class Lists(FakeRunner):\n"
        "    async def run(self, request):\n"
        "        import subprocess\n"
        "        out = subprocess.run(['ls', '/proc/self/fd'], stdout=subprocess.PIPE, close_fds=False).stdout\n"
        "        assert out.split() == [b'0', b'1', b'2', b'3'], out\n"
        "        return await super().run(request)"
    )
    with sidecar(before=lists, runner="Lists") as process:
        send(process, "run", {"code": "echo"})
        assert "result" in receive(process)
