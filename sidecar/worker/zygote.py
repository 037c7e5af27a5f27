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
import socket
import time
from typing import Any, Dict, List, Optional, Sequence

from . import child, wire
from .frames import encode
from .jail import Jail, LayerError, Place, Policy, libc
from .modules import load
from .plain import become_plain
from .removal import remove

# What most tools import, loaded once instead of in each call. Small: each page here is copied on write there.
_PRELOADED = (
    "base64", "collections", "datetime", "decimal", "functools", "hashlib", "itertools", "json", "linecache", "math",
    "operator", "random", "re", "statistics", "string", "textwrap", "time", "traceback", "types", "typing", "uuid",
)  # fmt: skip

_CONTROL = 3
_REHEARSALS = 20
_OWN_DESCRIPTORS = 32
_DESCRIPTORS_PER_SPAWN = 3


def main(control: int) -> None:
    """Serve the control socket until its other end is closed; every worker dies with this process."""
    if control != _CONTROL:
        os.dup2(control, _CONTROL)
        os.close(control)
    peer = socket.socket(fileno=_CONTROL)
    asked = json.loads(peer.recv(wire.CONTROL_MAX_BYTES).decode())
    policy = Policy.from_json(asked["policy"])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    # A worker gets its own; this process holds one for each file that it may allow.
    wanted = (
        policy.max_open_files + len(policy.files) + len(policy.directories) + len(policy.devices) + _OWN_DESCRIPTORS
    )
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
        child.rehearse("/", rehearsed)
    base_bytes = _address_space_bytes()
    try:
        jail = Jail(policy, encode(wire.SCRATCH, b""), encode(wire.MOUNTS, b""))
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
    server = _Server(peer, jail)
    scratch_root = policy.scratch_root
    del policy, peer, ready
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


class _Server:
    def __init__(self, peer: socket.socket, jail: Jail) -> None:
        self._peer = peer
        self._jail = jail
        self._spawns: Dict[int, int] = {}
        # To nobody: see `_own_pages`.
        self._void = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._end = ctypes.create_string_buffer(wire.END.size)
        self._wake_reader, wake_writer = os.pipe()
        os.set_blocking(wake_writer, False)
        os.set_blocking(self._wake_reader, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)

    def serve(self) -> Optional[Place]:
        """Serve until the sidecar is gone: None. In each worker that is forked meanwhile, its place."""
        try:
            return self._serve()
        except ConnectionError:
            return None  # it was killed with words of ours unread

    def _serve(self) -> Optional[Place]:
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
            self._own_pages()

    def forget(self) -> None:
        """In a worker: let go of the sockets without a word; the jail closes their descriptors."""
        for one in (self._peer, *self._void):
            one.detach()

    def end(self) -> None:
        """The sidecar is gone: see every worker dead."""
        for pid in self._spawns:
            os.kill(pid, signal.SIGKILL)
        for pid in self._spawns:
            os.waitpid(pid, 0)

    def _receive(self) -> Optional[Place]:
        space = socket.CMSG_SPACE(_DESCRIPTORS_PER_SPAWN * 4)
        packet, ancillary, _, _ = self._peer.recvmsg(wire.CONTROL_MAX_BYTES, space)
        if not packet:
            return None
        received = [fd for _, _, data in ancillary for fd in memoryview(data[: len(data) & ~3]).cast("i")]
        channel, stdout, stderr = received
        asked = json.loads(packet.decode())["spawn"]
        return Place(asked["number"], asked["scratch"], channel, stdout, stderr)

    def _spawn(self, place: Place) -> bool:
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
            self._spawns[pid] = place.number
            pidfd = libc.system_call("pidfd_open", pid, 0)
            self._send({"spawned": place.number}, [pidfd])
        except OSError as error:
            if pid > 0:
                os.kill(pid, signal.SIGKILL)
            self._send({"failed": place.number, "reason": str(error)})
        for descriptor in (place.channel, place.stdout, place.stderr, pidfd):
            if descriptor >= 0:
                os.close(descriptor)
        return False

    def _own_pages(self) -> None:
        """Walk the path of a report once, to nobody.

        A fork shares this process's pages with the child, and the first to write to one pays for a copy: not when a
        call's reply waits for the report.
        """
        sender, receiver = self._void
        self._reap()
        self._report(sender, 0)
        receiver.recv(wire.CONTROL_MAX_BYTES)

    def _reap(self) -> None:
        try:
            os.read(self._wake_reader, 4096)
        except BlockingIOError:
            pass
        while self._spawns:
            pid = libc.wait4(self._end)
            if pid == 0:
                return
            self._report(self._peer, self._spawns.pop(pid))

    def _report(self, peer: socket.socket, number: int) -> None:
        peer.sendmsg([wire.ENDED.pack(wire.ENDED_MARK, number), self._end])
        # A tool chooses its exit status and its size: as Python's numbers they would stay in this memory.
        ctypes.memset(self._end, 0, len(self._end))

    def _send(self, message: Dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        _send(self._peer, message, descriptors)


def _send(peer: socket.socket, message: Dict[str, Any], descriptors: Sequence[int] = ()) -> None:
    ancillary: List[Any] = []
    if descriptors:
        packed = b"".join(fd.to_bytes(4, "little") for fd in descriptors)
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, packed)]
    peer.sendmsg([json.dumps(message).encode()], ancillary)


def _address_space_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()
