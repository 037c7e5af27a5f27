"""`kill -9` of each process with eight calls in flight: nothing outlives it, each call is told, the next works."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from load import IN_FLIGHT, LOAD, start_load, threads_of, works
from processes import Process, Watch, descendants
from sidecar_process import WAIT_S, Message, Sidecar

ONE_SECOND = 1.0


def test_when_the_host_is_killed_nothing_is_left_after_one_second() -> None:
    script = Path(__file__).with_name("doomed_host.py")
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE) as host:
        assert host.stdout is not None
        try:
            assert select.select([host.stdout], [], [], WAIT_S)[0], "the host did not start"
            pid, in_flight = map(int, host.stdout.readline().split())
            below = [process.pid for process in descendants(host.pid)]
            assert pid in below
            assert len(below) >= 1 + 2 + in_flight
            with Watch(below) as watch:
                assert len(watch.survivors(0)) == len(below)
                host.kill()
                assert watch.survivors(ONE_SECOND) == []
        finally:
            host.kill()


def test_when_the_sidecar_is_killed_nothing_is_left_after_one_second() -> None:
    with Sidecar(LOAD) as sidecar:
        requests = start_load(sidecar)
        with Watch([sidecar.pid, *(process.pid for process in sidecar.processes())]) as watch:
            assert len(watch.survivors(0)) >= 1 + 2 + IN_FLIGHT
            sidecar.kill()
            assert watch.survivors(ONE_SECOND) == []
        # Its stdout has ended, so that a host knows at once that no reply will come.
        with pytest.raises(EOFError):
            sidecar.reply(requests[0])
    with Sidecar(LOAD) as successor:
        assert works(successor)


def launchers_of(sidecar: Sidecar) -> list[Process]:
    parents = [zygote.parent for zygote in sidecar.zygotes()]
    return [process for process in sidecar.processes() if process.pid in parents]


def test_when_a_zygote_is_killed_its_workers_die_each_call_is_told_and_the_next_works() -> None:
    with Sidecar(LOAD) as sidecar:
        for find in (Sidecar.zygotes, launchers_of):
            requests = start_load(sidecar)
            (victim,) = find(sidecar)
            with Watch(process.pid for process in sidecar.processes()) as watch:
                os.kill(victim.pid, signal.SIGKILL)
                assert watch.survivors(ONE_SECOND) == []
            for request in requests:
                assert says_that_its_process_died(sidecar.reply(request))
            sidecar.notifications.clear()
            assert works(sidecar)


def says_that_its_process_died(reply: Message) -> bool:
    """Whether it is an error of the sidecar's own, or a result that is not the tool's, in words."""
    if "error" in reply:
        return bool(reply["error"]["message"]) and reply["error"]["data"]["kind"] == "internal_error"
    error = reply["result"]["result"]["error"]
    return bool(error["message"]) and error["code"] == "crashed"


def test_when_a_worker_is_killed_its_call_is_told_and_the_others_go_on() -> None:
    with Sidecar(LOAD) as sidecar:
        requests = start_load(sidecar, seconds=1)
        killed = 3
        os.kill(sidecar.worker_with(threads_of(killed)).pid, signal.SIGKILL)
        reply = sidecar.reply(requests[killed])["result"]
        assert reply["result"]["error"]["code"] == "crashed"
        assert "SIGKILL" in reply["result"]["error"]["message"]
        assert reply["stdout"] == "started\n"
        for number in sorted({*range(IN_FLIGHT)} - {killed}):
            assert sidecar.reply(requests[number])["result"]["result"] == {"ok": True, "data": number}
        assert works(sidecar)


def test_when_every_worker_is_killed_the_standby_ones_too_the_next_call_works() -> None:
    with Sidecar(LOAD) as sidecar:
        requests = start_load(sidecar)
        workers = [worker.pid for worker in sidecar.workers()]
        assert len(workers) >= IN_FLIGHT
        with Watch(workers) as watch:
            for worker in workers:
                os.kill(worker, signal.SIGKILL)
            assert watch.survivors(ONE_SECOND) == []
        for request in requests:
            assert sidecar.reply(request)["result"]["result"]["error"]["code"] == "crashed"
        assert works(sidecar)
        sidecar.settle(standby=2)
        assert len(sidecar.workers()) == 2


def test_when_idle_processes_are_killed_the_next_call_works() -> None:
    with Sidecar(LOAD) as sidecar:
        assert works(sidecar)
        sidecar.settle(standby=2)
        for find in (Sidecar.workers, Sidecar.zygotes, launchers_of):
            victims = find(sidecar)
            below = [process for victim in victims for process in descendants(victim.pid)]
            with Watch(process.pid for process in (*victims, *below)) as watch:
                for victim in victims:
                    os.kill(victim.pid, signal.SIGKILL)
                assert watch.survivors(ONE_SECOND) == []
            assert works(sidecar)
            sidecar.settle(standby=2)
        assert len(sidecar.zygotes()) == 1
        assert len(sidecar.workers()) == 2
