"""The standard streams of a worker: Python objects over the descriptors that the sidecar reads.

Invariant: what a tool printed is in the pipe when its print returns, so that no kill can lose it.
"""

import io
import sys


def install() -> None:
    """Replace sys.stdin, stdout and stderr, and the originals beside them, by unbuffered streams over 0, 1 and 2."""
    stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, "r", closefd=False)), encoding="utf-8")
    for name, stream in (("stdin", stdin), ("stdout", _writer(1)), ("stderr", _writer(2))):
        setattr(sys, name, stream)
        setattr(sys, "__%s__" % name, stream)


def flush() -> None:
    """Write what a tool's own wrappers may hold; a stream that it closed or broke is its own affair."""
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except BaseException:  # noqa: BLE001 - whatever object the tool has put there, or none
            pass


def _writer(descriptor: int) -> io.TextIOWrapper:
    raw = io.FileIO(descriptor, "w", closefd=False)
    # write_through over a raw file leaves no buffer at all; lone surrogates are shown rather than refused.
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)
