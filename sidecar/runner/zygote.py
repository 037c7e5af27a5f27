"""The sidecar's end of one zygote: start it, ask it for workers, hear of their ends.

Invariant: the zygote is exec'ed with an empty environment and one descriptor, its control socket, and is sent a policy
and numbers. Nothing of a tool passes through here.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import json
import logging
import os
import secrets
import socket
import subprocess
from typing import TYPE_CHECKING, Any, NamedTuple

from sidecar.description import WORKER_FOLDER
from sidecar.runner.ended import LOST, Ended
from sidecar.runner.waiting import block_until_dead, pid_of, within
from sidecar.runner.watchdog import holdings
from sidecar.runner.worker import Worker, sandbox_unavailable
from sidecar.worker import wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.config import Limits
    from sidecar.runner.interpreter import Interpreter
    from sidecar.runner.resources import Resources

log = logging.getLogger(__name__)

# As the `layer` of a refusal: the zygote ended instead of refusing anything.
START_FAILED = "zygote"

_READY_TIMEOUT_S = 30
_DEATH_TIMEOUT_S = 0.2
_OWN_END_S = 0.02
_STDERR_TAIL_BYTES = 4096
_START_FIX = "see the reason: the interpreter started and its zygote failed"
# Uids that no account has. Each sidecar has a range, each worker one uid of it.
_UID_BASE = 1_000_000_000
_UID_RANGE = 1 << 16
_UID_RANGES = 1 << 13


class Plan(NamedTuple):
    """Which jail to build: `home` and `without` as in worker/jail/policy.py; `level` is what that amounts to."""

    home: str
    level: str
    without: frozenset[str] = frozenset()
    # Modules of the standard library to load before the first fork.
    imports: tuple[str, ...] = ()


class Zygote:
    """A running zygote. Its workers cannot outlive it: it is the init of the PID namespace that holds theirs."""

    def __init__(
        self, process: subprocess.Popen[bytes], control: socket.socket, limits: Limits, resources: Resources, level: str
    ) -> None:
        self._process = process
        self._control = control
        self._limits = limits
        self._resources = resources
        self._numbers = _UID_RANGE
        self._pidfd: int | None = None
        self.level = level
        self._workers: dict[int, Worker] = {}
        loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[dict[str, Any]] = loop.create_future()
        self._writable: asyncio.Future[None] | None = None
        self.alive = True
        # Told when it has ended, whoever ended it.
        self.on_end: Callable[[], None] = lambda: None
        self.last_words = ""
        # Once it has been killed: done when nothing of it is left on disk.
        self.cleaned: asyncio.Future[None] | None = None
        loop.add_reader(control.fileno(), self._read)

    @classmethod
    async def start(cls, interpreter: Interpreter, limits: Limits, resources: Resources, plan: Plan) -> Zygote:
        """Start a zygote and wait until its part of the jail is in force. `SandboxUnavailable` where it cannot be.

        It owns `resources` from here on.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)  # noqa: FBT003 - positional only
        with theirs, contextlib.ExitStack() as until_started:
            until_started.enter_context(ours)
            process = subprocess.Popen(  # noqa: S603, ASYNC220 - vfork and exec, a millisecond, once
                [
                    interpreter.executable, "-I", "-S", "-B", "-X", "utf8", "-X", "disable_remote_debug",
                    WORKER_FOLDER + "/__main__.py", str(theirs.fileno()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={},
                cwd="/",
                pass_fds=[theirs.fileno()],
            )  # fmt: skip
            until_started.pop_all()
        zygote = cls(process, ours, limits, resources, plan.level)
        first = {"policy": _policy(interpreter, limits, resources, plan), "imports": plan.imports}
        try:
            await zygote._send(first, ())
            answer = await within(_READY_TIMEOUT_S, asyncio.shield(zygote._answer))
            if "refused" in answer:
                raise sandbox_unavailable(answer["refused"])
            zygote._numbers = answer["ready"]["numbers"]
            resources.confirm(has_cgroup=answer["ready"]["cgroup"])
        except BaseException:
            zygote.kill()
            raise
        return zygote

    async def spawn(self) -> Worker:
        """A worker that is being started; `jailed` says when it can be used. ConnectionError if the zygote is gone."""
        # By chance, so that a tool cannot tell from its uid how many calls came before it.
        number = secrets.randbelow(self._numbers)
        while number in self._workers or self._resources.is_taken(number):
            number = secrets.randbelow(self._numbers)
        share = self._resources.share(number)
        worker = Worker(self._limits, share, self.level)
        self._workers[number] = worker
        try:
            await self._send({"spawn": {"number": number, "scratch": share.scratch_name}}, worker.remote)
        except (OSError, asyncio.CancelledError):
            self._workers.pop(number, None)
            worker.discard()
            raise
        finally:
            worker.close_remote()
        return worker

    @property
    def memory_bytes(self) -> int:
        """What it has in memory of its own; 0 where that cannot be seen."""
        return holdings(None if self._pidfd is None else pid_of(self._pidfd)).memory_bytes

    @property
    def leftovers(self) -> int:
        """As `Resources.leftovers`."""
        return self._resources.leftovers

    def kill(self) -> None:
        """End the zygote and with it, by the kernel's doing, every worker."""
        if not self.alive:
            return
        self.alive = False
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._control.fileno())
        loop.remove_writer(self._control.fileno())
        self._on_writable()
        self._control.close()
        self._process.kill()
        self._process.wait()
        self.last_words = self._last_words()
        if self._pidfd is not None:
            # What we started is its parent; the kernel ends it with that one.
            block_until_dead(self._pidfd, _DEATH_TIMEOUT_S)
            os.close(self._pidfd)
        if not self._answer.done():
            self._answer.set_result(
                {"refused": [{"layer": START_FAILED, "reason": self.last_words, "fix": _START_FIX}]}
            )
        if self._process.stderr is not None:
            self._process.stderr.close()
        workers, self._workers = self._workers, {}
        for worker in workers.values():
            worker.lose()
        for worker in workers.values():
            worker.wait_dead(_DEATH_TIMEOUT_S)
        # What tools have left takes a while to remove.
        self._resources.stop()
        self.cleaned = loop.run_in_executor(None, self._resources.close)
        self.on_end()

    async def _send(self, message: dict[str, Any], descriptors: tuple[int, ...]) -> None:
        packet = json.dumps(message).encode()
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        while True:
            if not self.alive:
                raise ConnectionResetError("the zygote is gone")
            try:
                self._control.sendmsg([packet], ancillary)
            except BlockingIOError:
                await self._wait_writable()
            else:
                return

    async def _wait_writable(self) -> None:
        loop = asyncio.get_running_loop()
        if self._writable is None:
            self._writable = loop.create_future()
            loop.add_writer(self._control, self._on_writable)
        await asyncio.shield(self._writable)

    def _on_writable(self) -> None:
        asyncio.get_running_loop().remove_writer(self._control)
        waiting, self._writable = self._writable, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def _read(self) -> None:
        space = socket.CMSG_SPACE(4)
        while True:
            try:
                packet, ancillary, _, _ = self._control.recvmsg(wire.CONTROL_MAX_BYTES, space)
            except BlockingIOError:
                return
            except OSError:
                packet, ancillary = b"", []
            if not packet:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(_OWN_END_S)  # its own status, not that of our SIGKILL
                self.kill()
                return
            received = array.array("i")
            for _level, _kind, data in ancillary:
                received.frombytes(data[: len(data) - len(data) % received.itemsize])
            if packet.startswith(wire.ENDED_MARK):
                self._take_end(packet)
            else:
                self._take(json.loads(packet), list(received))

    def _take_end(self, packet: bytes) -> None:
        _, number = wire.ENDED.unpack_from(packet)
        status, user_s, user_us, system_s, system_us, max_rss_kb, *_ = wire.END.unpack_from(packet, wire.ENDED.size)
        worker = self._workers.pop(number, None)
        if worker is not None:
            worker.finish(Ended(status, (user_s + system_s) * 1_000_000 + user_us + system_us, max_rss_kb))

    def _take(self, message: dict[str, Any], received: list[int]) -> None:
        if "spawned" in message and received:
            self._workers[message["spawned"]].attach(received[0])
        elif "spawned" in message:
            # Our own descriptors are used up. What cannot be killed must not run: its channel's end is its own.
            log.warning("no descriptor for a new worker")
            self._workers[message["spawned"]].lose()
        elif "failed" in message:
            # Seen by whoever waits for it as a worker that died before its call.
            log.warning("no worker: %s", message["reason"])
            worker = self._workers.pop(message["failed"], None)
            if worker is not None:
                worker.lose()
                worker.finish(LOST)  # it may have lived for a moment
        elif not self._answer.done():
            self._pidfd = next(iter(received), None)
            self._answer.set_result(message)

    def _last_words(self) -> str:
        text = b""
        if self._process.stderr is not None:
            os.set_blocking(self._process.stderr.fileno(), False)
            with contextlib.suppress(OSError):
                text = self._process.stderr.read() or b""
        status = self._process.returncode
        how = f"exit status {status}" if status >= 0 else f"signal {-status}"
        return text.decode("utf-8", "replace")[-_STDERR_TAIL_BYTES:].strip() or f"{how}, without a word"


def _policy(interpreter: Interpreter, limits: Limits, resources: Resources, plan: Plan) -> dict[str, Any]:
    return {
        **interpreter.tree,
        "files": [*interpreter.tree["files"], *resources.files],
        "sidecar_pid": os.getpid(),
        "home": plan.home,
        "without": sorted(plan.without),
        "cgroup": resources.cgroup_path,
        "scratch_root": resources.scratch_root,
        "scratch_max_bytes": limits.scratch_max_bytes,
        "scratch_max_inodes": limits.scratch_max_inodes,
        "max_open_files": limits.max_open_files,
        "max_threads": limits.max_threads,
        # By chance, not by pid: sidecars in several containers may have the same one, and uids are the machine's.
        "first_uid": _UID_BASE + secrets.randbelow(_UID_RANGES) * _UID_RANGE,
    }
