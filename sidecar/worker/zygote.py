"""The zygote: one thread that forks a worker for each request on its control socket, and reaps what ends.

Invariant: it never holds a tool's code, arguments or results. Those travel between the sidecar and a worker; what
passes through here is a number and three descriptors, closed as soon as the fork has them.
"""

import gc
import json
import os
import resource
import select
import signal
import socket
from typing import Any, Dict, List, Optional, Sequence

from . import child, wire
from .jail import Jail, LayerError, Policy, libc
from .plain import become_plain

# What most tools import, loaded once instead of in each call. Small: each page here is copied on write there.
_PRELOADED = (
    "base64", "collections", "datetime", "decimal", "functools", "hashlib", "itertools", "json", "linecache", "math",
    "operator", "random", "re", "statistics", "string", "textwrap", "time", "traceback", "types", "typing", "uuid",
)  # fmt: skip

_CONTROL = 3
_DESCRIPTORS_PER_SPAWN = 3


def main(control: int) -> None:
    """Serve the control socket until its other end is closed; every worker dies with this process."""
    if control != _CONTROL:
        os.dup2(control, _CONTROL)
        os.close(control)
    peer = socket.socket(fileno=_CONTROL)
    policy = Policy.from_json(json.loads(peer.recv(wire.CONTROL_MAX_BYTES).decode())["policy"])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    open_files = policy.max_open_files if hard == resource.RLIM_INFINITY else min(policy.max_open_files, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, hard))
    for name in _PRELOADED:
        __import__(name)
    base_bytes = _address_space_bytes()
    try:
        jail = Jail(policy)
    except LayerError as error:
        peer.send(json.dumps({"refused": [error.as_json()]}).encode())
        return
    # From here on stderr, which carried the reason of a start that failed, is nobody's.
    become_plain(__name__.rpartition(".")[0])
    # Nothing allocated so far is ever freed, and a collection in a worker would copy all of it.
    gc.collect()
    gc.freeze()
    peer.send(json.dumps({"ready": {"layers": jail.entered}}).encode())
    server = _Server(peer, jail)
    del policy, peer
    forked = server.serve()
    del server
    if forked is not None:
        # Back here the server and its numbers are gone from this process's frames.
        child.serve(jail, forked, base_bytes)


class _Server:
    def __init__(self, peer: socket.socket, jail: Jail) -> None:
        self._peer = peer
        self._jail = jail
        self._spawns: Dict[int, int] = {}
        self._wake_reader, wake_writer = os.pipe()
        os.set_blocking(wake_writer, False)
        os.set_blocking(self._wake_reader, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)

    def serve(self) -> Optional[child.Job]:
        """Serve until the sidecar is gone: None. In each worker that is forked meanwhile, its job."""
        poll = select.poll()
        poll.register(self._peer, select.POLLIN)
        poll.register(self._wake_reader, select.POLLIN)
        while True:
            ready = [descriptor for descriptor, _ in poll.poll()]
            if self._wake_reader in ready:
                self._reap()
            if self._peer.fileno() not in ready:
                continue
            request = self._receive()
            if request is None:
                return None
            if self._spawn(request):
                return request

    def _receive(self) -> Optional[child.Job]:
        space = socket.CMSG_SPACE(_DESCRIPTORS_PER_SPAWN * 4)
        packet, ancillary, _, _ = self._peer.recvmsg(wire.CONTROL_MAX_BYTES, space)
        if not packet:
            return None
        received = [fd for _, _, data in ancillary for fd in memoryview(data[: len(data) & ~3]).cast("i")]
        channel, stdout, stderr = received
        return child.Job(json.loads(packet.decode())["spawn"], channel, stdout, stderr)

    def _spawn(self, job: child.Job) -> bool:
        """Fork; whether this is the worker."""
        pid = pidfd = -1
        try:
            self._jail.before_fork()
            try:
                pid = os.fork()
                if pid == 0:
                    return True
            finally:
                if pid != 0:
                    self._jail.after_fork()
            self._spawns[pid] = job.number
            pidfd = libc.system_call("pidfd_open", pid, 0)
            self._send({"spawned": job.number}, [pidfd])
        except OSError as error:
            if pid > 0:
                os.kill(pid, signal.SIGKILL)
            self._send({"failed": job.number, "reason": str(error)})
        for descriptor in (job.channel, job.stdout, job.stderr, pidfd):
            if descriptor >= 0:
                os.close(descriptor)
        return False

    def _reap(self) -> None:
        try:
            while os.read(self._wake_reader, 4096):
                pass
        except BlockingIOError:
            pass
        while self._spawns:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            cpu_us = int((usage.ru_utime + usage.ru_stime) * 1_000_000)
            self._send(
                {"ended": self._spawns.pop(pid), "status": status, "cpu_us": cpu_us, "max_rss_kb": usage.ru_maxrss}
            )

    def _send(self, message: Dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        ancillary: List[Any] = []
        if descriptors:
            packed = b"".join(fd.to_bytes(4, "little") for fd in descriptors)
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, packed)]
        self._peer.sendmsg([json.dumps(message).encode()], ancillary)


def _address_space_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()
