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
from types import CodeType, FrameType
from typing import Any, Deque, Dict, NamedTuple, Optional, Set, Tuple

from . import channel, wire
from .hints import Denial, shown
from .reach import can_reach_a_wall
from .walls import Refusal, walls

_FRAMES_MAX = 50
_RECENT_MAX = 8

# What these modules try on their own, are refused and make do without is not the tool's doing; nor is what any module
# does while it is imported.
_MAKE_DO = frozenset({"ctypes.util", "linecache", "platform", "uuid", "zoneinfo._tzpath"})
_IMPORTING = "<frozen importlib"

_ENCODE = json.JSONEncoder(ensure_ascii=False).encode
_get_ident = threading.get_ident


class _Key(NamedTuple):
    refusal: Refusal
    line: Optional[int]


class Watch:
    """Notes the violations of one call. Construct, `begin`, then `close` before the terminal frame is written."""

    def __init__(self, descriptor: int, scratch: str, layers: Tuple[str, ...]) -> None:
        self._descriptor = descriptor
        self._walls = walls(scratch, layers) if hasattr(sys, "addaudithook") else {}
        self._filename = ""
        self._counts: Dict[_Key, int] = {}
        self._omitted = 0
        self._seen = 0
        self._told = 0
        # Appended to by whichever thread is refused, emptied by whoever holds the lock: nobody ever waits, and a signal
        # handler that is refused while its own thread holds the lock leaves its note there.
        self._pending: Deque[Optional[_Key]] = deque()
        self._lock = threading.Lock()
        # Threads that are looking at a refusal; what they open to do so is not the tool's.
        self._looking: Set[int] = set()
        self.recent: Deque[Denial] = deque(maxlen=_RECENT_MAX)

    @property
    def is_possible(self) -> bool:
        """Whether anything can be noted here."""
        return bool(self._walls)

    def begin(self, code: CodeType, filename: str) -> None:
        """Note from here on what is refused to `code`, whose frames bear `filename`."""
        if self._walls and can_reach_a_wall(code):
            self._filename = filename
            sys.addaudithook(self._hook())  # novm: guarded

    def close(self) -> None:
        """Send the counts; nothing is sent any more when this returns, for the lock is never given back."""
        self._lock.acquire()
        try:
            self._drain()
            self._tell()
        except (OSError, MemoryError):
            pass  # the terminal frame matters more

    def _hook(self) -> Any:
        table, look, frame_of = self._walls, self._look, sys._getframe  # noqa: SLF001 - what there is for it

        def hook(event: str, arguments: Tuple[Any, ...]) -> None:
            # Called for every event there is: this one test is what each of them costs.
            if event in table:
                look(event, arguments, frame_of(1))

        return hook

    def _look(self, event: str, arguments: Tuple[Any, ...], frame: FrameType) -> None:
        thread = _get_ident()
        if thread in self._looking:
            return
        self._looking.add(thread)
        try:
            refusal = self._walls[event](arguments, frame)
            if refusal is not None:
                self._note(refusal, frame)
        except (RecursionError, MemoryError):
            raise  # what the call itself would have met
        except Exception:  # noqa: BLE001 - an exception here would be the tool's, in place of the one that it expects
            pass
        finally:
            self._looking.discard(thread)

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
        # Looked at again after each release, so that a note which came meanwhile is not left behind.
        while self._pending and self._lock.acquire(blocking=False):
            try:
                self._drain()
            finally:
                self._lock.release()

    def _drain(self) -> None:
        while self._pending:
            key = self._pending.popleft()
            self._seen += 1
            if key is not None and key in self._counts:
                self._counts[key] += 1
            elif key is not None and len(self._counts) < wire.VIOLATIONS_MAX:
                self._counts[key] = 1
                self._send(wire.VIOLATION, dict(key.refusal._asdict(), line=key.line))
            else:
                self._omitted += 1
            if self._seen >= 2 * max(self._told, 1):
                self._tell()

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
