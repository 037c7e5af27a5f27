"""What the jail refused to a tool: noted by an audit hook as the tool meets each wall, and sent to the sidecar at once.

Explanation and never protection: the jail refuses whether or not anybody notes it, and the tool, which lives in the
same interpreter, can hide its violations or forge some. CPython 3.7 has no audit hooks, and notes none.
Invariant: the first occurrence of each is on the channel before the call that it names is made, so that no kill loses
it; what is sent is bounded, whatever the tool does; and nothing is sent once the terminal frame may be.
"""

import json
import sys
import threading
from collections import deque
from types import FrameType, TracebackType
from typing import Any, Deque, Dict, NamedTuple, Optional, Tuple

from . import channel, wire
from .hints import Denial, shown
from .walls import Refusal, Wall, can_refuse, walls

_FRAMES_MAX = 50
_RECENT_MAX = 8
_PENDING_MAX = 10_000

# What these modules try on their own, are refused and make do without is not the tool's doing; nor is what any module
# does while it is imported.
_MAKE_DO = frozenset({"ctypes.util", "linecache", "platform", "uuid", "zoneinfo._tzpath"})
_IMPORTING = "<frozen importlib"

_ENCODE = json.JSONEncoder(ensure_ascii=False).encode


class _Key(NamedTuple):
    refusal: Refusal
    line: Optional[int]


class Watch:
    """Notes the violations of one call. Construct, `begin`, then `close` before the terminal frame is written."""

    def __init__(self, descriptor: int, scratch: str, layers: Tuple[str, ...]) -> None:
        self.is_possible = hasattr(sys, "addaudithook") and can_refuse(layers)
        self.recent: Deque[Denial] = deque(maxlen=_RECENT_MAX)
        self._descriptor = descriptor
        self._jail = scratch, layers
        self._is_armed = False

    def begin(self, filename: str) -> None:
        """Note from here on what is refused to the code whose frames bear `filename`."""
        if self.is_possible:
            self._arm(filename)
            sys.addaudithook(self._hook())  # novm: guarded

    def _arm(self, filename: str) -> None:
        # Not in the constructor: most tools cannot meet a wall, and need none of this.
        self._walls: Dict[str, Wall] = walls(*self._jail)
        self._filename = filename
        # In the order of their first occurrence, which is their index on the wire; so many of them are sent.
        self._counts: Dict[_Key, int] = {}
        self._sent = 0
        self._attempts = 0
        self._omitted = 0
        self._seen = 0
        self._told = 0
        # A signal handler that is refused while its own thread is sending leaves its note for that one.
        self._pending: Deque[Optional[_Key]] = deque(maxlen=_PENDING_MAX)
        self._lock = threading.RLock()
        self._is_sending = False
        self._is_closed = False
        self._is_armed = True

    def close(self) -> None:
        """Send the counts. Nothing is sent any more when this returns: other threads wait for the lock for ever."""
        if not self._is_armed:
            return
        self._lock.acquire()
        try:
            self._drain()
            self._tell()
        except Exception:  # noqa: BLE001 - the terminal frame matters more
            pass
        self._is_closed = True

    def _hook(self) -> Any:
        table, look, frame_of = self._walls, self._look, sys._getframe  # noqa: SLF001 - what there is for it

        def hook(event: str, arguments: Tuple[Any, ...]) -> None:
            # Called for every event there is: this one test is what each of them costs.
            if event in table:
                look(event, arguments, frame_of(1))

        return hook

    def _look(self, event: str, arguments: Tuple[Any, ...], frame: FrameType) -> None:
        try:
            refusal = self._walls[event](arguments, frame)
            if refusal is not None:
                self._note(refusal, frame)
        except (RecursionError, MemoryError):
            raise  # what the call itself would have met
        except Exception as error:
            # One of ours would reach the tool in place of the one that it expects; one of its signal handlers' must.
            if _is_of(error.__traceback__, self._filename):
                raise

    def _note(self, refusal: Refusal, frame: FrameType) -> None:
        refusal = refusal._replace(argument=shown(refusal.argument))
        if len(self._counts) >= wire.VIOLATIONS_MAX:
            # Enough is listed: whoever goes on is counted, and pays for no more than that.
            self.recent.append(Denial(refusal.call, refusal.argument, None, refusal.policy))
            self._pending.append(None)
        else:
            is_own, line = _place(frame, self._filename)
            if not is_own:
                return
            self.recent.append(Denial(refusal.call, refusal.argument, line, refusal.policy))
            self._pending.append(_Key(refusal, line))
        with self._lock:
            if self._is_sending or self._is_closed:
                return
            self._is_sending = True
            try:
                self._drain()
            finally:
                self._is_sending = False

    def _drain(self) -> None:
        # A signal handler of the tool's that raises may cut this short anywhere: a note is dropped when it has been
        # counted, and what may not have been sent is sent again, under its index.
        while self._pending:
            self._count(self._pending[0])
            self._pending.popleft()
            while self._sent < len(self._counts) and self._attempts < wire.VIOLATION_FRAMES_MAX:
                key = list(self._counts)[self._sent]
                self._attempts += 1
                self._send(wire.VIOLATION, dict(key.refusal._asdict(), line=key.line, index=self._sent))
                self._sent += 1
            if self._seen >= 2 * max(self._told, 1):
                self._tell()

    def _count(self, key: Optional[_Key]) -> None:
        self._seen += 1
        if key is not None and (key in self._counts or len(self._counts) < wire.VIOLATIONS_MAX):
            self._counts[key] = self._counts.get(key, 0) + 1
        else:
            self._omitted += 1

    def _tell(self) -> None:
        if self._told == self._seen or self._seen == len(self._counts):
            return  # each listed once is what is known without
        self._told = self._seen
        self._send(wire.TALLY, {"counts": list(self._counts.values()), "omitted": self._omitted})

    def _send(self, kind: int, message: Dict[str, Any]) -> None:
        channel.write_frame(self._descriptor, kind, _ENCODE(message).encode("utf-8"))


def _place(frame: Optional[FrameType], filename: str) -> Tuple[bool, Optional[int]]:
    """Whether a call is the tool's doing, and the line of its text that led to it, where this thread's stack has it."""
    for _ in range(_FRAMES_MAX):
        if frame is None:
            break
        if frame.f_code.co_filename == filename:
            return True, frame.f_lineno
        if frame.f_code.co_filename.startswith(_IMPORTING) or frame.f_globals.get("__name__") in _MAKE_DO:
            return False, None
        frame = frame.f_back
    return True, None


def _is_of(trace: Optional[TracebackType], filename: str) -> bool:
    """Whether an exception passed through a frame of this file."""
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == filename:
            return True
        trace = trace.tb_next
    return False
