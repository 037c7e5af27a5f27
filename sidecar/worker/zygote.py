"""The zygote: one thread that forks a worker for each request on its control socket, and reaps what ends.

Invariant: it never holds a tool's code, arguments or results. Those travel between the sidecar and a worker; what
passes through here is a number and three descriptors, closed as soon as the fork has them.
"""

import ctypes
import gc
import json
import os
import resource
import select
import signal
import time

# Not the class of socket.py around them: what that does in Python for each of these calls, a worker would pay for too.
from _socket import AF_UNIX, CMSG_SPACE, SCM_RIGHTS, SOCK_SEQPACKET, SOL_SOCKET, socket, socketpair
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence

from . import child, wire
from .frames import encode
from .jail import Jail, LayerError, Place, Policy, descriptors, libc
from .modules import load
from .pinned import Pages
from .plain import become_plain
from .removal import remove

# What most tools import, loaded once instead of in each call. Small: each page here is copied on write there.
_PRELOADED = (
    "base64", "collections", "datetime", "decimal", "functools", "hashlib", "itertools", "json", "linecache", "math",
    "operator", "random", "re", "statistics", "string", "textwrap", "time", "traceback", "types", "typing", "uuid",
)  # fmt: skip

# The number that the channel has in a worker (see `Jail`).
_CONTROL = descriptors.CHANNEL
_REHEARSALS = 20
# By then what has been forked is ready for its call.
_QUIET_MS = 6
_OWN_DESCRIPTORS = 32
# One for each that runs or stands by: more than the sidecar can be told to allow.
_WORKERS_MAX = 1 << 13
_DESCRIPTORS_PER_SPAWN = 3


def main(control: int) -> None:
    """Serve the control socket until its other end is closed; every worker dies with this process."""
    if control != _CONTROL:
        os.dup2(control, _CONTROL)
        os.close(control)
    peer = socket(AF_UNIX, SOCK_SEQPACKET, 0, _CONTROL)
    asked = json.loads(peer.recv(wire.CONTROL_MAX_BYTES).decode())
    policy = Policy.from_json(asked["policy"])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    # A worker gets its own; this process holds one for each file that it may allow, and one for each worker.
    shown = len(policy.files) + len(policy.directories) + len(policy.devices)
    wanted = policy.max_open_files + shown + _WORKERS_MAX + _OWN_DESCRIPTORS
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
    # Not as a variable that a tool would see: the C library would read the host's /etc/localtime otherwise.
    os.putenv("TZ", "UTC")
    time.tzset()
    for name in _PRELOADED:
        __import__(name)
    load(asked["imports"])
    del asked
    # Until the interpreter has specialised the code that each worker will run: what it writes there is shared.
    rehearsed = child.prepare()
    for _ in range(_REHEARSALS):
        child.rehearse(rehearsed)
    base_bytes = _address_space_bytes()
    pages: List[Pages] = []
    try:
        jail = Jail(policy, peer, encode(wire.SCRATCH, b""), encode(wire.MOUNTS, b""), lambda: pages.append(Pages()))
    except LayerError as error:
        peer.send(json.dumps({"refused": [error.as_json()]}).encode())
        return
    # From here on stderr, which carried the reason of a start that failed, is nobody's.
    become_plain(__name__.rpartition(".")[0])
    # Nothing allocated so far is ever freed, and a collection in a worker would copy all of it.
    gc.collect()
    libc.trim_heap()
    gc.freeze()
    ready = {"layers": jail.entered, "numbers": jail.numbers, "cgroup": jail.has_cgroup}
    own = libc.system_call("pidfd_open", os.getpid(), 0)
    _send(peer, {"ready": ready}, [own])
    os.close(own)
    server = _Server(peer, jail, pages.pop())
    scratch_root = policy.scratch_root
    del policy, peer, ready
    pages.clear()
    forked = server.serve()
    if forked is None:
        server.end()
        if scratch_root:
            remove(scratch_root)
        return
    # From here on the server and its numbers are gone from this process's frames.
    server.forget()
    del server, scratch_root
    child.serve(jail, forked, base_bytes, rehearsed)


class _Spawn(NamedTuple):
    """A worker that has not been reaped yet."""

    pid: int
    number: int


class _Server:
    def __init__(self, peer: socket, jail: Jail, pages: Pages) -> None:
        self._peer = peer
        self._jail = jail
        self._pages = pages
        self._forks = 0
        # By pidfd, which can be read from when the worker is dead: pidfd_open(2).
        self._spawns: Dict[int, _Spawn] = {}
        self._poll = select.poll()
        self._poll.register(_CONTROL, select.POLLIN)
        # To nobody: see `_own_pages`.
        self._void = socketpair(AF_UNIX, SOCK_SEQPACKET)
        self._end = ctypes.create_string_buffer(wire.END.size)

    def serve(self) -> Optional[Place]:
        """Serve until the sidecar is gone: None. In each worker that is forked meanwhile, its place."""
        try:
            return self._serve()
        except ConnectionError:
            return None  # it was killed with words of ours unread

    def _serve(self) -> Optional[Place]:
        while True:
            pause_ms = _QUIET_MS if self._spawns and self._pages.is_due(self._forks) else None
            ready = [descriptor for descriptor, _ in self._poll.poll(pause_ms)]
            if not ready:
                self._pages.pin()
            self._reap_all(ready)
            if _CONTROL not in ready:
                continue
            if self._pages.is_overdue(self._forks):
                self._pin_under_load()
            request = self._receive()
            if request is None:
                return None
            if self._spawn(request):
                return request
            self._own_pages()

    def forget(self) -> None:
        """In a worker: let go of the sockets without a word; the jail closes their descriptors."""
        for one in self._void:
            one.detach()

    def end(self) -> None:
        """The sidecar is gone: see every worker dead."""
        for spawn in self._spawns.values():
            os.kill(spawn.pid, signal.SIGKILL)
        for spawn in self._spawns.values():
            os.waitpid(spawn.pid, 0)

    def _receive(self) -> Optional[Place]:
        space = CMSG_SPACE(_DESCRIPTORS_PER_SPAWN * 4)
        packet, ancillary, _, _ = self._peer.recvmsg(wire.CONTROL_MAX_BYTES, space)
        if not packet:
            return None
        received = [fd for _, _, data in ancillary for fd in memoryview(data[: len(data) & ~3]).cast("i")]
        channel, stdout, stderr = received
        asked = json.loads(packet.decode())["spawn"]
        return Place(asked["number"], asked["scratch"], channel, stdout, stderr)

    def _spawn(self, place: Place) -> bool:
        """Fork; whether this is the worker."""
        pid = -1
        try:
            try:
                self._jail.before_fork()
                pid = libc.fork()
                if pid == 0:
                    return True
                self._forks += 1
            finally:
                if pid != 0:
                    self._jail.after_fork()
            self._watch(pid, place.number)
        except OSError as error:
            self._send({"failed": place.number, "reason": str(error)})
        for descriptor in (place.channel, place.stdout, place.stderr):
            os.close(descriptor)
        return False

    def _watch(self, pid: int, number: int) -> None:
        try:
            pidfd = libc.system_call("pidfd_open", pid, 0)
        except OSError:
            # What cannot be watched must not run.
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise
        self._spawns[pidfd] = _Spawn(pid, number)
        self._poll.register(pidfd, select.POLLIN)
        try:
            self._send({"spawned": number}, [pidfd])
        except OSError:
            os.kill(pid, signal.SIGKILL)
            raise

    def _own_pages(self) -> None:
        """Walk the path of a report once, to nobody.

        A fork shares this process's pages with the child, and the first to write to one pays for a copy: not when a
        call's reply waits for the report.
        """
        sender, receiver = self._void
        self._report(sender, 0)
        receiver.recv(wire.CONTROL_MAX_BYTES)

    def _pin_under_load(self) -> None:
        time.sleep(_QUIET_MS / 1000)
        self._reap_all([descriptor for descriptor, _ in self._poll.poll(0)])
        self._pages.pin()

    def _reap_all(self, ready: Iterable[int]) -> None:
        for descriptor in ready:
            if descriptor != _CONTROL:
                self._reap(descriptor)

    def _reap(self, pidfd: int) -> None:
        spawn = self._spawns.pop(pidfd)
        libc.wait4(spawn.pid, self._end)
        self._report(self._peer, spawn.number)
        self._poll.unregister(pidfd)
        os.close(pidfd)

    def _report(self, peer: socket, number: int) -> None:
        peer.sendmsg([wire.ENDED.pack(wire.ENDED_MARK, number), self._end])
        # A tool chooses its exit status and its size: as Python's numbers they would stay in this memory.
        ctypes.memset(self._end, 0, len(self._end))

    def _send(self, message: Dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        _send(self._peer, message, descriptors)


def _send(peer: socket, message: Dict[str, Any], descriptors: Sequence[int] = ()) -> None:
    ancillary: List[Any] = []
    if descriptors:
        packed = b"".join(fd.to_bytes(4, "little") for fd in descriptors)
        ancillary = [(SOL_SOCKET, SCM_RIGHTS, packed)]
    peer.sendmsg([json.dumps(message).encode()], ancillary)


def _address_space_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()
