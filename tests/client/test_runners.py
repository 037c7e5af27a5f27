"""The Python client with a real sidecar: `PyRunner`, and `AsyncPyRunner` where the event loop matters."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from harness import PATIENCE_S

from sidecar.client import AsyncPyRunner, Closed, PyRunner
from sidecar.errors import (
    InterpreterNotFound,
    InvalidParams,
    InvalidTool,
    SidecarError,
    ToolExists,
    ToolNotFound,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

ECHO = "def run(args): return args"
FOREVER = "def run(args):\n    print('started', flush=True)\n    while True: pass\n"


@pytest.fixture(scope="module")
def runner() -> Iterator[PyRunner]:
    with PyRunner(timeout_ms=20_000) as runner:
        yield runner


def asynchronously(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, PATIENCE_S))


def test_inline_code_runs_and_the_whole_reply_comes_back(runner: PyRunner) -> None:
    reply = runner.run(code="def run(args):\n    print('hello')\n    return args['n'] ** 2", args={"n": 12})
    assert reply["result"] == {"ok": True, "data": 144}
    assert (reply["stdout"], reply["stderr"], reply["isolation"]["level"]) == ("hello\n", "", "strict")
    assert reply["usage"]["wallMs"] > 0


def test_a_tool_that_fails_is_a_reply_and_no_exception(runner: PyRunner) -> None:
    reply = runner.run(code="def run(args): return 1 / 0")
    assert reply["result"]["ok"] is False
    assert reply["result"]["error"]["type"] == "ZeroDivisionError"


def test_a_run_has_the_id_that_the_host_gives_it_also_where_it_is_streamed(runner: PyRunner) -> None:
    told: list[str] = []
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    reply = runner.run(code="def run(args): print(1)", on_stdout=told.append, run_id="mine", traceparent=trace)
    assert (reply["runId"], "".join(told)) == ("mine", "1\n")


def test_output_is_handed_on_while_the_tool_runs(runner: PyRunner) -> None:
    told: list[tuple[str, str]] = []
    reply = runner.run(
        code="import sys\ndef run(args):\n    print('out')\n    print('err', file=sys.stderr)",
        on_stdout=lambda text: told.append(("out", text)),
        on_stderr=lambda text: told.append(("err", text)),
    )
    assert sorted(told) == [("err", "err\n"), ("out", "out\n")]
    assert reply["stdout"] == "out\n"


def test_a_handler_that_raises_changes_nothing(runner: PyRunner, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: str) -> None:
        raise ValueError("in the host")

    assert runner.run(code="def run(args): print('x'); return 1", on_stdout=fail)["result"]["data"] == 1
    assert "the host's stdout handler raised" in caplog.text


def test_no_arguments_are_an_empty_object_and_none_is_null(runner: PyRunner) -> None:
    assert runner.run(code=ECHO)["result"]["data"] == {}
    assert runner.run(code=ECHO, args=None)["result"]["data"] is None


@pytest.mark.parametrize("value", [2**70, "é\U0001f600", {"a-b": [1.5, None, True]}, {"class": {"jsonrpc": 1}}])
def test_values_go_through_unchanged(runner: PyRunner, value: object) -> None:
    assert runner.run(code=ECHO, args=[value])["result"]["data"] == [value]


def test_an_integer_that_python_does_not_read_is_a_decimal_and_hurts_nobody(runner: PyRunner) -> None:
    code = "import sys\ndef run(args):\n    sys.set_int_max_str_digits(0)\n    return [10 ** 5000, 7]"
    assert runner.run(code=code)["result"]["data"] == [Decimal("1" + "0" * 5000), 7]
    assert runner.run(code=ECHO, args=1)["result"]["data"] == 1


def test_a_lone_surrogate_reaches_the_tool(runner: PyRunner) -> None:
    assert runner.run(code="def run(args): return ord(args)", args="\ud83d")["result"]["data"] == 0xD83D


@pytest.mark.parametrize("args", [float("nan"), {1, 2}, b"bytes"], ids=["NaN", "a set", "bytes"])
def test_arguments_that_are_no_json_are_refused_before_they_are_sent(runner: PyRunner, args: object) -> None:
    with pytest.raises(InvalidParams, match="run: the parameters cannot be written as JSON"):
        runner.run(code=ECHO, args=args)


def test_a_message_that_is_too_large_is_refused_before_it_is_sent() -> None:
    with (
        PyRunner(env={"PYRUNNER_MAX_MESSAGE_BYTES": "65536"}) as runner,
        pytest.raises(InvalidParams, match="run: a message may have at most 65536 bytes"),
    ):
        runner.run(code=ECHO, args="x" * 65536)


def test_a_tool_is_registered_listed_run_and_forgotten(runner: PyRunner) -> None:
    schema = {"type": "object", "required": ["text"]}
    registered = runner.register("words", "def run(args): return len(args['text'].split())", schema=schema)
    assert [(tool["id"], tool["schema"], tool["codeHash"]) for tool in runner.list()] == [
        ("words", schema, registered["codeHash"])
    ]
    assert runner.run("words", {"text": "to be or not"})["result"] == {"ok": True, "data": 4}
    assert runner.run("words", {})["result"]["error"]["code"] == "invalid_args"
    with pytest.raises(ToolExists, match="registered with other content"):
        runner.register("words", ECHO)
    assert runner.run("words", {"text": "still there"})["result"]["data"] == 2
    runner.register("words", ECHO, replace=True)
    assert runner.run("words", {"text": "new"})["result"]["data"] == {"text": "new"}
    runner.unregister("words")
    with pytest.raises(ToolNotFound, match="no tool is registered as 'words'"):
        runner.run("words")


def test_a_call_wins_over_its_tool_which_wins_over_its_runner() -> None:
    with PyRunner(timeout_ms=10_000) as runner:
        runner.register("spin", "def run(args):\n    while True: pass\n", timeout_ms=200)
        assert "200 ms" in runner.run("spin")["result"]["error"]["message"]
        assert "100 ms" in runner.run("spin", timeout_ms=100)["result"]["error"]["message"]


def test_what_the_sidecar_refuses_is_raised_as_what_it_is(runner: PyRunner) -> None:
    with pytest.raises(InvalidParams, match="timeout") as refused:
        runner.run(code=ECHO, timeout_ms=0)
    assert refused.value.data["errors"][0]["path"] == "timeout"
    with pytest.raises(InvalidTool) as invalid:
        runner.register("broken", "def run(args)\n    return 1\n")
    assert (invalid.value.data["kind"], invalid.value.data["line"]) == ("invalid_tool", 1)
    with pytest.raises(InterpreterNotFound, match="Failed to spawn Python process"):
        runner.register("elsewhere", ECHO, python_path="/nowhere/python3")


def test_a_name_that_is_no_option_is_a_type_error(runner: PyRunner) -> None:
    with pytest.raises(TypeError, match=r"unknown option 'timeout'; there are timeout_ms, max_memory_mb"):
        runner.run(code=ECHO, timeout=5)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="exactly one"):
        runner.run()
    with pytest.raises(TypeError, match="exactly one"):
        runner.run("id", code=ECHO)


def test_run_safe_turns_what_is_raised_into_a_result(runner: PyRunner) -> None:
    assert runner.run_safe(code=ECHO, args=1) == {"ok": True, "data": 1}
    assert runner.run_safe("nobody") == {
        "ok": False,
        "error": {"message": "no tool is registered as 'nobody'", "type": "ToolNotFound", "code": "tool_not_found"},
    }


def test_create_runner_makes_a_function_of_the_arguments(runner: PyRunner) -> None:
    square = runner.create_runner("def run(args): return args['n'] ** 2")
    assert square({"n": 3}) == {"ok": True, "data": 9}
    assert square({})["error"]["type"] == "KeyError"


def test_the_other_methods_answer(runner: PyRunner) -> None:
    assert runner.validate("def run(args): return 1") == {"valid": True, "diagnostics": []}
    assert runner.validate("def run(args)")["diagnostics"][0]["line"] == 1
    assert runner.stats()["requests"]["validate"] == 2
    assert runner.doctor()["ok"] is True


def test_any_thread_may_call(runner: PyRunner) -> None:
    with ThreadPoolExecutor(8) as threads:
        replies = threads.map(lambda n: runner.run(code=ECHO, args=n), range(24))
        assert [reply["result"]["data"] for reply in replies] == list(range(24))


def test_a_handler_that_calls_the_runner_is_told_that_it_cannot(runner: PyRunner) -> None:
    told: list[BaseException] = []

    def call(_: str) -> None:
        try:
            runner.stats()
        except RuntimeError as error:
            told.append(error)

    runner.run(code="def run(args): print('x')", on_stdout=call)
    assert [str(error) for error in told] == ["a runner cannot be called from its own on_stdout or on_stderr"]


def test_close_ends_the_calls_in_flight_and_every_later_one() -> None:
    runner = PyRunner()
    started = threading.Event()
    outcome: list[BaseException] = []

    def call() -> None:
        try:
            runner.run(code=FOREVER, on_stdout=lambda _: started.set())
        except SidecarError as error:
            outcome.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    assert started.wait(PATIENCE_S)
    runner.close()
    runner.close()
    thread.join(PATIENCE_S)
    assert [type(error).__name__ for error in outcome] in (["Closed"], ["Cancelled"])
    with pytest.raises(Closed, match="make a new one"):
        runner.run(code=ECHO)


def test_a_runner_that_was_never_used_closes() -> None:
    with PyRunner():
        pass


def test_cancelling_a_task_ends_its_run_before_the_task() -> None:
    async def cancel() -> None:
        async with AsyncPyRunner() as runner:
            started = asyncio.Event()
            run = asyncio.create_task(runner.run(code=FOREVER, on_stdout=lambda _: started.set()))
            await started.wait()
            run.cancel()
            with pytest.raises(asyncio.CancelledError):
                await run
            stats = await runner.stats()
            assert (stats["gauges"]["running"], stats["errors"]) == (0, {"cancelled": 1})
            assert (await runner.run(code=ECHO, args=1))["result"]["data"] == 1

    asynchronously(cancel())


def test_many_calls_are_in_flight_at_once() -> None:
    async def gather() -> None:
        async with AsyncPyRunner() as runner:
            replies = await asyncio.gather(*(runner.run(code=ECHO, args=n) for n in range(24)))
            assert [reply["result"]["data"] for reply in replies] == list(range(24))
            square = runner.create_runner("def run(args): return args ** 2")
            assert await square(5) == {"ok": True, "data": 25}
            assert (await runner.stats())["requests"]["initialize"] == 1

    asynchronously(gather())


def test_a_runner_of_another_event_loop_says_so() -> None:
    runner = AsyncPyRunner()

    async def use() -> None:
        await runner.stats()
        other = asyncio.to_thread(asyncio.run, runner.stats())
        with pytest.raises(RuntimeError, match="belongs to another event loop"):
            await other
        await runner.close()

    asynchronously(use())
