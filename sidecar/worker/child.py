"""A worker's life: close the jail, say so, take one call, answer it, end.

Invariant: nothing of the call is read before `Jail.close` has returned and the call's own limits are in force.
"""

import json
import linecache
import os
import sys
import time
from typing import Any, Dict, Optional, Tuple

from . import capture, channel, tool, wire
from .frames import encode
from .jail import Closed, Jail, LayerError, Place, descriptors, mounts, rlimits
from .plain import become_itself
from .violations import Watch

_REHEARSAL, _REHEARSED = "<rehearsal>", "def run(args):\n    return len(args)\n"
_REHEARSED_LIMITS = {
    "mode": "call", "filename": _REHEARSAL, "working_dir": "", "is_compiled": True, "result_max_bytes": 1 << 10,
}  # fmt: skip


def serve(jail: Jail, place: Place, base_bytes: int, rehearsed: bytes) -> None:
    """Run in a fresh fork; never returns. `base_bytes` as in `limit_call`, `rehearsed` from `prepare`."""
    status = 1
    try:
        status = _serve(jail, place, base_bytes, rehearsed)
    finally:
        # Whatever happened, atexit handlers, threads and destructors of a tool get no more time.
        os._exit(status)


def _serve(jail: Jail, place: Place, base_bytes: int, rehearsed: bytes) -> int:
    try:
        closed = jail.close(place)
    except LayerError as error:
        channel.write_frame(descriptors.CHANNEL, wire.REFUSED, json.dumps(error.as_json()).encode())
        return 1
    become_itself()
    if closed.scratch != mounts.SCRATCH:
        _set_environment(closed.scratch)
    rehearse(rehearsed)
    watch = Watch(descriptors.CHANNEL, closed.scratch, closed.layers)
    cpu_us = int(time.process_time() * 1_000_000)
    ready = {"layers": closed.layers, "cpu_us": cpu_us, "watched": watch.is_possible}
    channel.write_frame(descriptors.CHANNEL, wire.READY, json.dumps(ready).encode())
    return _answer(closed, base_bytes, watch)


def _answer(closed: Closed, base_bytes: int, watch: Watch) -> int:
    limits = _read_limits(descriptors.CHANNEL)
    if limits is None:
        return 0  # not needed any more
    if "rlimits" in closed.layers:
        rlimits.limit_call(limits["memory_max_bytes"], base_bytes, limits["cpu_max_s"])
    try:
        terminal = _run(descriptors.CHANNEL, limits, closed.scratch, watch)
    except MemoryError:
        # Before the tool ran: its code or its arguments alone are more than its limit.
        terminal = tool.out_of_memory()
    if terminal is not None:
        capture.flush()
        watch.close()
        channel.write_frame(descriptors.CHANNEL, *terminal)
    return 0


def _read_limits(source: int) -> Optional[Dict[str, Any]]:
    frame = channel.read_frame(source)
    if frame is None or frame[0] != wire.LIMITS:
        return None
    limits: Dict[str, Any] = json.loads(frame[1].decode())
    return limits


def _run(source: int, limits: Dict[str, Any], scratch: str, watch: Optional[Watch]) -> Optional[Tuple[int, bytes]]:
    """Read the rest of the call and do what it asks; None where the sidecar has given it up."""
    try:
        _enter_working_directory(scratch, limits["working_dir"])
    except (OSError, ValueError, RecursionError) as error:
        return tool.no_working_directory(error)
    code = channel.read_frame(source)
    if code is None:
        return None
    if limits["mode"] == "vet":
        return tool.vet(code[1])
    if limits["mode"] == "check_many":
        return tool.check_many(code[1])
    text = code[1].decode("utf-8", "surrogatepass")
    if limits["mode"] == "check":
        return tool.check(text, limits["filename"])
    if limits["mode"] == "derive":
        return tool.derive(text, limits["filename"])
    if limits["mode"] == "imports":
        return tool.imports(text, limits["filename"])
    if limits["mode"] == "compile":
        return tool.compile_only(text, limits["filename"])
    ready = channel.read_frame(source) if limits["is_compiled"] else (wire.COMPILED, b"")
    arguments = channel.read_frame(source)
    if ready is None or arguments is None:
        return None
    max_bytes = limits["result_max_bytes"]
    return tool.call(text, arguments[1], limits["filename"], result_max_bytes=max_bytes, watch=watch, ready=ready[1])


def prepare() -> bytes:
    """In the zygote: the environment that most workers will have, and what `rehearse` is to be given."""
    _set_environment(mounts.SCRATCH)
    compiled = tool.compile_only(_REHEARSED, _REHEARSAL)[1]
    frames = (
        (wire.LIMITS, json.dumps(_REHEARSED_LIMITS).encode()), (wire.CODE, _REHEARSED.encode()),
        (wire.COMPILED, compiled), (wire.ARGUMENTS, b'{"text": ""}'),
    )  # fmt: skip
    return b"".join(encode(*frame) for frame in frames)


def rehearse(frames: bytes) -> None:
    """Walk a call's path once with a tool of our own, off the clock.

    A fork shares its pages until it writes to them; whatever a call writes to is this process's own afterwards.
    """
    source, sink = os.pipe()
    os.write(sink, frames)
    limits = _read_limits(source)
    if limits is not None:
        _run(source, limits, mounts.SCRATCH, None)
    os.close(source)
    os.close(sink)
    del sys.modules[tool.MODULE_NAME], linecache.cache[_REHEARSAL]


def _enter_working_directory(scratch: str, relative: str) -> None:
    """`relative` lies in the scratch directory. TMPDIR and HOME name it too, so that all lands in one place."""
    if relative:
        path = os.path.join(scratch, relative)
        os.makedirs(path, exist_ok=True)
        os.chdir(path)
        _set_environment(path)


def _set_environment(directory: str) -> None:
    os.environ.clear()
    os.environ.update(TMPDIR=directory, HOME=directory, LANG="C.UTF-8")
