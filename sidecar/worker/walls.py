"""Which calls a jail will refuse, foretold from the interpreter's audit events: the call, its argument, the policy.

Explanation and never protection: nothing here prevents anything, and a wall that raises no event is not foretold.
Invariant: what is named here is refused by the layers in force; where that cannot be told for sure, nothing is named.
A call's argument is named by its class or its path, never with the data that was passed along.
"""

import errno
import os
import socket
import sys
from types import FrameType
from typing import Any, Callable, Dict, NamedTuple, Optional, Tuple

from .wire import FILES, NETWORK, PROCESSES


class Refusal(NamedTuple):
    """A call that is about to be refused; `policy` is one of `wire.POLICIES`."""

    call: str
    argument: str
    policy: str


# Takes the event's arguments and the frame that makes the call.
Wall = Callable[[Tuple[Any, ...], FrameType], Optional[Refusal]]

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_FAMILIES = {int(getattr(socket, name)): name for name in dir(socket) if name.startswith("AF_")}
_REFUSED = frozenset({errno.ENOENT, errno.EACCES, errno.EPERM})
# os.open on behalf of an open that has been looked at.
_OPENERS = frozenset({"opener", "_opener"})
# How this module opens what it tries: nobody else has reason to say all of this, and so the event is known for its own.
_TRIAL = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NO_DESCRIPTOR = -1
_DEVICES = ("/dev/null", "/dev/urandom")
_SOCKET_INIT = socket.socket.__init__.__code__

# Bound before a tool can replace them.
_open, _close, _getcwd, _getpid, _stat = os.open, os.close, os.getcwd, os.getpid, os.stat
_fsdecode, _join, _normpath = os.fsdecode, os.path.join, os.path.normpath


def can_refuse(layers: Tuple[str, ...]) -> bool:
    """Whether `walls` has anything to say of these layers."""
    return "seccomp" in layers or "pivot_root" in layers or any(layer.startswith("landlock") for layer in layers)


def walls(scratch: str, layers: Tuple[str, ...]) -> Dict[str, Wall]:
    """For each audit event that these layers may refuse, what tells whether they will."""
    found: Dict[str, Wall] = {}
    if "seccomp" in layers:
        found.update(_CALLS)
    has_own_tree = "pivot_root" in layers
    if has_own_tree or any(layer.startswith("landlock") for layer in layers):
        found.update(_Files(scratch).walls)
    if not has_own_tree:
        # Landlock does not know them; whatever becomes of them is not a refusal.
        for event in ("os.chmod", "os.utime"):
            found.pop(event, None)
    return found


def _socket(arguments: Tuple[Any, ...], frame: FrameType) -> Optional[Refusal]:
    if frame.f_code is _SOCKET_INIT and frame.f_locals.get("fileno") is not None:
        return None  # half of a socketpair, which is allowed
    return Refusal("socket", _family(arguments[1]), NETWORK)


def _address(event: str) -> Wall:
    return lambda arguments, _frame: Refusal(event, _family(getattr(arguments[0], "family", None)), NETWORK)


def _host(event: str, *, is_number_free: bool) -> Wall:
    def wall(arguments: Tuple[Any, ...], frame: FrameType) -> Optional[Refusal]:
        host = _text(arguments[0])
        # getfqdn asks, is refused and makes do.
        if host is None or (is_number_free and _is_number(host)) or frame.f_code.co_name == "getfqdn":
            return None
        return Refusal(event, host, NETWORK)

    return wall


def _process(event: str, argument: str) -> Wall:
    def wall(_arguments: Tuple[Any, ...], frame: FrameType) -> Optional[Refusal]:
        if event == "os.posix_spawn" and frame.f_globals.get("__name__") == "subprocess":
            return None  # Popen has said so already
        return Refusal(event, argument, PROCESSES)

    return wall


def _kill(arguments: Tuple[Any, ...], _frame: FrameType) -> Optional[Refusal]:
    target = arguments[0]
    return None if target == _getpid() else Refusal("os.kill", str(target), PROCESSES)


_CALLS: Dict[str, Wall] = {
    "socket.__new__": _socket,
    "socket.gethostbyaddr": _host("socket.gethostbyaddr", is_number_free=False),
    "os.kill": _kill,
    "os.killpg": lambda arguments, _frame: Refusal("os.killpg", str(arguments[0]), PROCESSES),
}
for _event in ("socket.bind", "socket.connect", "socket.sendto", "socket.sendmsg"):
    _CALLS[_event] = _address(_event)
for _event in ("socket.getaddrinfo", "socket.gethostbyname"):
    _CALLS[_event] = _host(_event, is_number_free=True)
for _event in ("os.fork", "os.forkpty"):
    _CALLS[_event] = _process(_event, "")
for _event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
    _CALLS[_event] = _process(_event, "command")


# Where each event has a path that it would change, and the descriptor that a relative one would begin at.
_CHANGES: Dict[str, Tuple[Tuple[int, Optional[int]], ...]] = {
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.truncate": ((0, None),),
    "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),),
    "os.utime": ((0, 3),),
    "os.symlink": ((1, 2),),
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((0, 2), (1, 3)),
}


class _Files:
    """Paths outside the scratch directory: reading is tried, since it changes nothing; writing is known to fail."""

    def __init__(self, scratch: str) -> None:
        self._scratch = scratch
        self._below_scratch = scratch + os.sep
        # What is missing there is missing, and no wall.
        self._library = tuple(path + os.sep for path in sys.path if path)
        self.walls: Dict[str, Wall] = {
            "open": self._opening,
            "os.listdir": self._reading("os.listdir", os.O_DIRECTORY),
            "os.scandir": self._reading("os.scandir", os.O_DIRECTORY),
            "sqlite3.connect": self._database,
            "os.chdir": self._entering,
            "os.mkdir": self._making,
        }
        for event, places in _CHANGES.items():
            self.walls[event] = self._changing(event, places)

    def _outside(self, path: Any, *, is_relative_to_cwd: bool = True) -> Optional[str]:
        """The whole path where it is one and lies outside the scratch directory."""
        text = _text(path)
        if not text or "\0" in text:
            return None
        is_whole = text[0] == os.sep
        if ".." not in text and (text.startswith(self._below_scratch) if is_whole else self._is_at_home()):
            return None
        if not is_whole and not is_relative_to_cwd:
            return None
        full = _normpath(text if is_whole else _join(_getcwd(), text))
        return None if _below(full, self._scratch) else full

    def _is_at_home(self) -> bool:
        return _below(_getcwd(), self._scratch)

    def _opening(self, arguments: Tuple[Any, ...], frame: FrameType) -> Optional[Refusal]:
        path, mode, flags = arguments
        if mode is None and (flags & ~os.O_DIRECTORY == _TRIAL or frame.f_code.co_name in _OPENERS):
            return None
        # os.open has no mode, and may begin at a descriptor that the event does not tell.
        path = self._outside(path, is_relative_to_cwd=mode is not None)
        if path is None:
            return None
        refused = path not in _DEVICES if flags & _WRITES else not self._is_readable(path, 0)
        return Refusal("open", path, FILES) if refused else None

    def _reading(self, event: str, flags: int) -> Wall:
        def wall(arguments: Tuple[Any, ...], _frame: FrameType) -> Optional[Refusal]:
            path = self._outside(arguments[0])
            return Refusal(event, path, FILES) if path is not None and not self._is_readable(path, flags) else None

        return wall

    def _database(self, arguments: Tuple[Any, ...], _frame: FrameType) -> Optional[Refusal]:
        # `:memory:` and `file:...` are no paths.
        path = self._outside(arguments[0], is_relative_to_cwd=False)
        return Refusal("sqlite3.connect", path, FILES) if path is not None and not self._is_readable(path, 0) else None

    def _entering(self, arguments: Tuple[Any, ...], _frame: FrameType) -> Optional[Refusal]:
        path = self._outside(arguments[0])
        if path is None or self._is_of_library(path) or _exists(path):
            return None
        return Refusal("os.chdir", path, FILES)

    def _making(self, arguments: Tuple[Any, ...], _frame: FrameType) -> Optional[Refusal]:
        path = self._outside(arguments[0], is_relative_to_cwd=arguments[2] == _NO_DESCRIPTOR)
        # One that is there is EEXIST, as anywhere.
        return Refusal("os.mkdir", path, FILES) if path is not None and not _exists(path) else None

    def _changing(self, event: str, places: Tuple[Tuple[int, Optional[int]], ...]) -> Wall:
        def wall(arguments: Tuple[Any, ...], _frame: FrameType) -> Optional[Refusal]:
            for position, base in places:
                is_relative_to_cwd = base is None or arguments[base] == _NO_DESCRIPTOR
                path = self._outside(arguments[position], is_relative_to_cwd=is_relative_to_cwd)
                if path is not None and path not in _DEVICES:
                    return Refusal(event, path, FILES)
            return None

        return wall

    def _is_of_library(self, path: str) -> bool:
        return (path + os.sep).startswith(self._library)

    def _is_readable(self, path: str, flags: int) -> bool:
        if self._is_of_library(path):
            return True
        try:
            _close(_open(path, _TRIAL | flags))
        except OSError as error:
            return error.errno not in _REFUSED
        return True


def _below(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory + os.sep)


def _exists(path: str) -> bool:
    try:
        _stat(path)
    except OSError:
        return False
    return True


def _text(value: Any) -> Optional[str]:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    return _fsdecode(value) if isinstance(value, (str, bytes)) else None


def _family(number: Any) -> str:
    return _FAMILIES.get(number, "family %s" % number)


def _is_number(host: str) -> bool:
    """Whether this is an address already, so that nobody need be asked for it."""
    try:
        if ":" in host:
            socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
        else:
            socket.inet_aton(host)
    except (OSError, ValueError):
        return not host
    return True
