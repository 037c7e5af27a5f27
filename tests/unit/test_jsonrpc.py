"""JSON-RPC: one reply to each request, whatever is sent (what stock pygls gets wrong)."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from host import BOUND_S, Host, hanging, with_host

from sidecar.config import Config
from sidecar.server import jsonrpc, session

HANG = {"code": "hang"}


@pytest.mark.parametrize(
    ("body", "code", "request_id"),
    [
        (b"{nonsense", -32700, None),
        (b"[" * 100_000, -32700, None),
        (b'{"jsonrpc":"2.0","id":1,"method":"run","params":{"code":"echo","args":NaN}}', -32700, None),
        (b"[]", -32600, None),
        (b'[{"jsonrpc":"2.0","id":1,"method":"list"}]', -32600, None),
        (b"7", -32600, None),
        (b'{"jsonrpc":"1.0","id":5,"method":"list"}', -32600, 5),
        (b'{"jsonrpc":"2.0","id":"a"}', -32600, "a"),
        (b'{"jsonrpc":"2.0","id":null,"method":"list"}', -32600, None),
        (b'{"jsonrpc":"2.0","id":5,"method":"nope"}', -32601, 5),
        (b'{"jsonrpc":"2.0","id":5,"method":"exit"}', -32601, 5),
        (b'{"jsonrpc":"2.0","id":5,"method":"$/cancelRequest","params":{"id":1}}', -32601, 5),
        (b'{"jsonrpc":"2.0","id":5,"method":"list","params":[]}', -32602, 5),
        (b'{"jsonrpc":"2.0","id":5,"method":"list","params":{"x":1}}', -32602, 5),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"nope"}', -32601, 1.5),
        (b'{"jsonrpc":"2.0","id":"\\ud800","method":"nope"}', -32601, "\ud800"),
    ],
)
def test_what_is_wrong_with_a_message_is_answered_and_the_next_one_works(
    body: bytes, code: int, request_id: object
) -> None:
    async def scenario(host: Host) -> None:
        host.send_body(body)
        reply = await host.receive()
        assert (reply["error"]["code"], reply["id"]) == (code, request_id)
        assert isinstance(reply["error"]["data"]["kind"], str)
        assert await host.result("list") == {"tools": []}

    with_host(scenario)


def test_what_is_no_frame_is_answered_and_the_next_one_works() -> None:
    async def scenario(host: Host) -> None:
        for garbage in (b"hello\r\n\r\n", b"Content-Length: 1000000000000\r\n\r\n{}", b"Content-Length: -1\r\n\r\n{}"):
            host.send_bytes(garbage)
            reply = await host.receive()
            assert (reply["error"]["code"], reply["id"]) == (-32600, None)
        assert await host.result("list") == {"tools": []}

    with_host(scenario)


def test_a_request_without_params_works() -> None:
    async def scenario(host: Host) -> None:
        host.send_body(b'{"jsonrpc":"2.0","id":1,"method":"list"}')
        assert (await host.receive())["result"] == {"tools": []}

    with_host(scenario)


def test_an_id_of_any_size_comes_back() -> None:
    async def scenario(host: Host) -> None:
        host.send_body(b'{"jsonrpc":"2.0","id":%b,"method":"run","params":{"code":"echo"}}' % (b"9" * 5000))
        assert b'"id":' + b"9" * 5000 in await host.receive_body()

    with_host(scenario)


def test_arguments_and_results_pass_byte_for_byte() -> None:
    arguments = b'{"jsonrpc":"1.0", "class":1,"a-b":[1e400,"\\ud800",' + b"7" * 9000 + b'],"type_name":{"jsonrpc":{}}}'

    async def scenario(host: Host) -> None:
        host.send_body(b'{"jsonrpc":"2.0","id":1,"method":"run","params":{"code":"echo","args":%b}}' % arguments)
        body = await host.receive_body()
        assert body.startswith(b'{"jsonrpc":"2.0","id":1,"result":{"result":{"ok": true, "data": ' + arguments)
        assert host.runner.requests[0].arguments == arguments

    with_host(scenario)


def test_a_cancelled_call_is_dead_before_its_error() -> None:
    async def scenario(host: Host) -> None:
        request_id = host.send("run", HANG)
        await hanging(host, 1)
        host.notify("$/cancelRequest", {"id": request_id})
        reply = await host.receive()
        assert (reply["id"], reply["error"]["code"]) == (request_id, -32800)
        assert reply["error"]["data"] == {"kind": "cancelled"}
        assert host.runner.killed == 1
        assert not host.runner.hanging
        assert (await host.result("run", {"code": "echo"}))["result"]["ok"]

    with_host(scenario)


def test_many_cancelled_calls_each_get_their_error() -> None:
    async def scenario(host: Host) -> None:
        ids = [host.send("run", HANG) for _ in range(50)]
        await hanging(host, 50)
        for request_id in ids:
            host.notify("$/cancelRequest", {"id": request_id})
        replies = [await host.receive() for _ in ids]
        assert sorted(reply["id"] for reply in replies) == ids
        assert {reply["error"]["code"] for reply in replies} == {-32800}

    with_host(scenario)


@pytest.mark.parametrize(
    "params", [{"id": 99}, {"id": "1"}, {"id": None}, {"id": {}}, {"id": [1]}, {"id": True}, {}, None, [1]]
)
def test_a_cancellation_of_nothing_changes_nothing(params: object) -> None:
    async def scenario(host: Host) -> None:
        host.send("run", HANG, request_id=1)
        await hanging(host, 1)
        host.notify("$/cancelRequest", params)
        await host.result("list")
        assert host.runner.killed == 0

    with_host(scenario)


def test_a_second_request_with_an_id_in_flight_fails_without_disturbing_the_first() -> None:
    async def scenario(host: Host) -> None:
        host.send("run", HANG, request_id="same")
        await hanging(host, 1)
        host.send("list", request_id="same")
        assert (await host.receive())["error"]["code"] == -32600
        (gate,) = host.runner.hanging
        gate.set_result(None)
        assert (await host.receive())["result"]["result"]["ok"]
        assert "result" in await host.request("list", request_id="same")

    with_host(scenario)


@pytest.mark.parametrize("request_id", [1, "nobody"])
@pytest.mark.parametrize("rest", ['"result":{}', '"error":{"code":1,"message":"x"}'])
def test_a_response_to_nothing_is_ignored(request_id: object, rest: str) -> None:
    async def scenario(host: Host) -> None:
        host.send("run", HANG, request_id=1)
        await hanging(host, 1)
        host.send_body(f'{{"jsonrpc":"2.0","id":{json.dumps(request_id)},{rest}}}'.encode())
        assert await host.result("list") == {"tools": []}
        assert len(host.runner.hanging) == 1

    with_host(scenario)


def test_notifications_are_never_answered() -> None:
    async def scenario(host: Host) -> None:
        for method in ("nope", "$/unknown", "list", "run"):
            host.notify(method, {"x": 1})
        assert await host.result("list") == {"tools": []}

    with_host(scenario)


def test_an_unexpected_exception_is_logged_and_says_nothing_to_the_peer(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(host: Host) -> None:
        error = await host.error("run", {"code": "boom"})
        assert error == {"code": -32603, "message": "internal error", "data": {"kind": "internal_error"}}

    with caplog.at_level(logging.ERROR):
        with_host(scenario)
    assert [record.message for record in caplog.records] == ["unexpected exception"]


def test_an_error_of_the_runner_keeps_its_code_and_data() -> None:
    async def scenario(host: Host) -> None:
        error = await host.error("run", {"code": "no sandbox"})
        assert error["code"] == -32014
        assert error["data"] == {
            "kind": "sandbox_unavailable",
            "missing": [{"layer": "namespaces", "reason": "r", "fix": "f"}],
        }

    with_host(scenario)


def test_shutdown_lets_calls_end_and_refuses_new_ones() -> None:
    async def scenario(host: Host) -> None:
        host.send("run", HANG, request_id="running")
        await hanging(host, 1)
        host.send("shutdown", request_id="shutdown")
        assert (await host.error("list"))["data"] == {"kind": "shutting_down"}
        next(iter(host.runner.hanging)).set_result(None)
        replies = {reply["id"]: reply for reply in [await host.receive(), await host.receive()]}
        assert replies["running"]["result"]["result"]["ok"]
        assert replies["shutdown"]["result"] is None
        host.notify("exit")
        await host.error("list")
        assert host.exit_codes == [0]

    with_host(scenario)


def test_exit_without_shutdown_is_a_failure() -> None:
    async def scenario(host: Host) -> None:
        host.notify("exit")
        await host.result("list")
        assert host.exit_codes == [1]

    with_host(scenario)


def test_a_host_that_does_not_read_is_not_read_from_and_nothing_is_lost() -> None:
    size, calls = 1 << 20, 60

    async def scenario(host: Host) -> None:
        ids = [host.send("run", {"code": "big", "args": {"size": size}}) for _ in range(calls)]
        for _ in range(calls):
            reply = await host.receive()
            ids.remove(reply["id"])
            assert len(reply["result"]["result"]["data"]) == size
        assert not ids

    with_host(scenario)


def test_requests_beyond_the_budget_of_bytes_wait_in_the_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_MIN_IN_FLIGHT_BYTES", 0)
    config = Config(max_message_bytes=64 * 1024)

    async def scenario(host: Host) -> None:
        code = {"code": "hang", "args": {"x": "y" * 60_000}}
        for _ in range(20):
            host.send("run", code)
        finished = 0
        while finished < 20:
            await asyncio.wait_for(released(host), BOUND_S)
            reply = await host.receive()
            assert reply["result"]["result"]["ok"]
            finished += 1
        assert max(seen) <= 9  # the budget, and what one read brings

    seen: list[int] = []

    async def released(host: Host) -> None:
        while not host.runner.hanging:  # noqa: ASYNC110 - the set is where a call announces itself
            await asyncio.sleep(0)
        seen.append(len(host.runner.hanging))
        host.runner.hanging.pop().set_result(None)

    with_host(scenario, config=config)


def test_beyond_a_number_of_requests_in_flight_the_host_has_to_wait_and_none_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jsonrpc, "_REQUEST_BYTES", 13 << 20)
    config = Config(max_message_bytes=16 << 20)  # and four of those may be in flight

    async def scenario(host: Host) -> None:
        sent = {host.send("run", HANG) for _ in range(12)}
        answered: set[int] = set()
        while answered != sent:
            waiting = min(5, len(sent - answered))
            for _ in range(1000):
                await asyncio.sleep(0)
                assert len(host.runner.hanging) <= 5
            assert len(host.runner.hanging) == waiting
            next(iter(host.runner.hanging)).set_result(None)
            answered.add((await host.receive())["id"])

    with_host(scenario, config=config)
