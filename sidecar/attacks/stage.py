"""What the attacks are aimed at: files, sockets, a process, all of our own and put there for them.

Invariant: whatever an attack can read, change, connect to or signal here is worth nothing and gone at the end. `args`
is all that an attack is told.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import itertools
import os
import platform
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from sidecar.worker.jail.syscalls import ALLOWED, RESTRICTED

if TYPE_CHECKING:
    from types import TracebackType

# A tool that is run before the attacks. They are told a digest of its secret, and look for the secret itself.
EARLIER_CALL = """
# {secret}
def run(args):
    kept = "{secret}"
    print(kept)
    return [kept, args]
"""

# Not below /tmp, which a worker's own scratch directory hides even where the mounts are left out.
_PLACES = ("/var/tmp", "/dev/shm")  # noqa: S108 - a directory with a random name is made there
_OPEN_TO_ALL, _OURS_ALONE = 0o666, 0o600
_COLUMN = {"x86_64": 0, "aarch64": 1}
_IPC_CREATE_NEW, _IPC_REMOVE = 0o3000, 0


@final
class Stage:
    """A context: everything is there within it and nothing after it."""

    def __enter__(self) -> Stage:
        """Put everything up."""
        self.secret = f"canary:{secrets.token_hex(16)}"
        self._numbers = itertools.count()
        with contextlib.ExitStack() as stack:
            self._directory = Path(tempfile.mkdtemp(prefix="attacked-", dir=_place()))
            stack.callback(shutil.rmtree, self._directory, ignore_errors=True)
            self._directory.chmod(0o777)
            self._write("file", _OPEN_TO_ALL)
            self._write("private", _OURS_ALONE)
            self._path("link").symlink_to("file")
            self._fixed = {**self._addresses(stack), **_shared(stack), **_facts(), "pid": _victim(stack)}
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take it down."""
        self._stack.close()

    def args(self) -> dict[str, Any]:
        """The arguments of one attack. What it may destroy, `doomed` and `empty`, is its own."""
        number = next(self._numbers)
        doomed, empty = self._write(f"doomed-{number}", _OPEN_TO_ALL), self._path(f"empty-{number}")
        empty.mkdir()
        return {
            "directory": str(self._directory),
            "doomed": str(doomed),
            "empty": str(empty),
            **{name: str(self._path(name)) for name in ("file", "private", "link")},
            "file_is_there": self._path("file").exists(),
            "digest": hashlib.sha256(self.secret.encode()).hexdigest(),
            **self._fixed,
        }

    def _path(self, name: str) -> Path:
        return self._directory / name

    def _write(self, name: str, mode: int) -> Path:
        path = self._path(name)
        path.write_text("a canary\n", encoding="ascii")
        path.chmod(mode)
        return path

    def _addresses(self, stack: contextlib.ExitStack) -> dict[str, Any]:
        abstract, path = f"attacked-{secrets.token_hex(8)}", str(self._path("socket"))
        tcp = _listening(stack, socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
        udp = _listening(stack, socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))
        _listening(stack, socket.AF_UNIX, socket.SOCK_STREAM, path)
        _listening(stack, socket.AF_UNIX, socket.SOCK_STREAM, "\0" + abstract)
        Path(path).chmod(_OPEN_TO_ALL)
        tcp6 = None
        with contextlib.suppress(OSError):  # a machine without IPv6
            tcp6 = _listening(stack, socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0))
        return {"tcp": tcp, "tcp6": tcp6, "udp": udp, "unix": path, "abstract": abstract}


def _place() -> str | None:
    return next((place for place in _PLACES if os.access(place, os.W_OK | os.X_OK)), None)


def _listening(stack: contextlib.ExitStack, family: int, kind: int, address: Any) -> int | None:
    listener = stack.enter_context(socket.socket(family, kind))
    listener.bind(address)
    if kind == socket.SOCK_STREAM:
        listener.listen(128)
    return int(listener.getsockname()[1]) if family != socket.AF_UNIX else None


def _victim(stack: contextlib.ExitStack) -> int:
    """A process that waits, with a secret in its environment; in a session of its own, so that it surely has one."""
    command = [sys.executable, "-I", "-S", "-c", "import sys; sys.stdin.read()"]
    victim = stack.enter_context(
        subprocess.Popen(  # noqa: S603 - our own words
            command, stdin=subprocess.PIPE, cwd="/", env={"CANARY": "a canary"}, start_new_session=True
        )
    )
    stack.callback(victim.kill)
    return victim.pid


def _shared(stack: contextlib.ExitStack) -> dict[str, Any]:
    """Memory and a queue that whoever shares our IPC namespace can open by their names."""
    libc = ctypes.CDLL(None)
    key = 0
    while key in (0, -1):
        key = secrets.randbelow(1 << 31)
    segment = libc.shmget(key, ctypes.c_size_t(4096), _IPC_CREATE_NEW | _OPEN_TO_ALL)
    if segment >= 0:
        stack.callback(libc.shmctl, segment, _IPC_REMOVE, None)
    name = f"attacked-{secrets.token_hex(8)}"
    has_queues = hasattr(libc, "mq_open")  # in glibc since 2.34
    path = ctypes.c_char_p(f"/{name}".encode())
    queue = libc.mq_open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, _OPEN_TO_ALL, None) if has_queues else -1
    if queue >= 0:
        stack.callback(libc.mq_unlink, path)
        os.close(queue)
    return {"shm": key if segment >= 0 else None, "queue": name if queue >= 0 else None}


def _facts() -> dict[str, Any]:
    """What an attack cannot find out for itself where it is refused: whether its target exists here."""
    column = _COLUMN.get(platform.machine(), 0)
    numbers = [entry[column] for entry in (*ALLOWED.values(), *RESTRICTED.values())]
    return {
        "program": shutil.which("true") or "/bin/true",
        "disk": next((str(path) for path in Path("/dev").iterdir() if path.is_block_device()), None),
        "interfaces": len(socket.if_nameindex()),
        "host_name": os.uname().nodename,
        "seconds_from_utc": time.localtime().tm_gmtoff,
        "has_kallsyms": Path("/proc/kallsyms").exists(),
        "has_sysrq": Path("/proc/sysrq-trigger").exists(),
        "has_localtime": Path("/etc/localtime").exists(),
        "allowed": sorted(number for number in numbers if number is not None),
    }
