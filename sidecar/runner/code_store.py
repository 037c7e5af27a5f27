"""Compiled code on disk, for the next sidecar: one file for each source, found again by what its bytes depend on.

Only the sidecar sees the directory. A worker gets bytes through its channel, as from memory, and loads them behind a
closed jail, for a call of the very source that they are of: whoever can write here can change what that tool does
within its jail, and so nobody else may. The directory is held by a descriptor, since somebody may rename its parents.
Invariant: no call fails or waits long for a disk, whatever that does; a file that is not whole or not ours is nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import json
import logging
import os
import secrets
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import sidecar
from sidecar.config import is_ours_alone
from sidecar.worker import wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from sidecar.runner.code_cache import Key

log = logging.getLogger(__name__)

_MIB = 1024 * 1024
_SUFFIX, _PART = ".code", ".part"
_ABANDONED_AFTER_NS = 60 * 10**9
_CHECKSUM_BYTES = hashlib.sha256().digest_size
# A call compiles for itself then.
_PATIENCE_S = 0.05
# What is left after a clearing out, so that not each file brings the next one.
_KEPT_SHARE = 0.9


class CodeStore:
    """A directory that sidecars may share. Its work is done in a thread of its own, one thing after the other."""

    def __init__(self, directory: str, max_mb: int) -> None:
        """`directory` is absolute; files take `max_mb` MiB together at most."""
        self._directory = directory
        self._held: int | None = None
        self._max_bytes = max_mb * _MIB
        self._thread = ThreadPoolExecutor(1, "code store")
        # What is there, by the last count and what was written since; unknown until the first file is written.
        self._bytes: int | None = None
        self._has_complained = False

    async def get(self, key: Key) -> bytes:
        """What was put for `key`, by whichever sidecar; nothing where there is none in time."""
        reading = asyncio.get_running_loop().run_in_executor(self._thread, self._attempt, self._read, key)
        done, _ = await asyncio.wait({reading}, timeout=_PATIENCE_S)
        return reading.result() if done else b""

    def put(self, key: Key, compiled: bytes) -> None:
        """Keep what a worker that compiles has made of `key`; soon, and if it can be."""
        with contextlib.suppress(RuntimeError):  # closed meanwhile
            self._thread.submit(self._attempt, self._write, key, compiled)

    def close(self) -> None:
        """Take nothing more; what was to be written may still be."""
        with contextlib.suppress(RuntimeError):  # closed before
            self._thread.submit(self._let_go)
        self._thread.shutdown(wait=False)

    def _attempt(self, work: Callable[..., bytes], *arguments: object) -> bytes:
        try:
            return work(*arguments)
        except OSError as error:
            if not self._has_complained:
                self._has_complained = True
                log.warning("PYRUNNER_CODE_CACHE_DIR cannot be used: %s", error)
            return b""

    def _read(self, key: Key) -> bytes:
        name, folder = _name(key), self._folder()
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        except FileNotFoundError:
            return b""
        try:
            compiled = _whole(descriptor, name)
            if compiled:
                os.utime(descriptor)  # the oldest go first
            else:
                os.unlink(name, dir_fd=folder)
        finally:
            os.close(descriptor)
        return compiled

    def _write(self, key: Key, compiled: bytes) -> bytes:
        name, folder = _name(key), self._folder()
        temporary = f"{secrets.token_hex(8)}{_PART}"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=folder), "wb") as file:
                file.write(_checksum(name, compiled) + compiled)
            os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=folder)
            raise
        if self._bytes is not None:
            self._bytes += _CHECKSUM_BYTES + len(compiled)
        if self._bytes is None or self._bytes > self._max_bytes:
            self._bytes = self._clear_out()
        return b""

    def _clear_out(self) -> int:
        """Remove the least recently used beyond what may be kept, and what a sidecar has died over."""
        found = []
        folder = self._folder()
        abandoned_ns = time.time_ns() - _ABANDONED_AFTER_NS
        with os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):  # another sidecar was faster
                    about = entry.stat(follow_symlinks=False)
                    if entry.name.endswith(_SUFFIX):
                        found.append((about.st_mtime_ns, about.st_size, entry.name))
                    elif entry.name.endswith(_PART) and about.st_mtime_ns < abandoned_ns:
                        os.unlink(entry.name, dir_fd=folder)
        left = sum(size for _, size, _ in found)
        if left <= self._max_bytes:
            return left
        for _, size, name in sorted(found):
            if left <= self._max_bytes * _KEPT_SHARE:
                break
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
            left -= size
        return left

    def _folder(self) -> int:
        if self._held is None:
            held = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            if not is_ours_alone(os.fstat(held)):
                os.close(held)
                raise PermissionError(errno.EPERM, "others may write here", self._directory)
            self._held = held
        return self._held

    def _let_go(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None


def _name(key: Key) -> str:
    """By all that the bytes depend on; what this package makes of a source may change with its version."""
    told = json.dumps([sidecar.__version__, key.executable, key.version, key.tool_id, key.code])
    return hashlib.sha256(told.encode()).hexdigest() + _SUFFIX


def _whole(descriptor: int, name: str) -> bytes:
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode) or not is_ours_alone(about):
        return b""
    with open(descriptor, "rb", closefd=False) as file:
        data = file.read(_CHECKSUM_BYTES + wire.COMPILED_MAX_BYTES + 1)
    compiled = data[_CHECKSUM_BYTES:]
    is_whole = len(compiled) <= wire.COMPILED_MAX_BYTES and data[:_CHECKSUM_BYTES] == _checksum(name, compiled)
    return compiled if is_whole else b""


def _checksum(name: str, compiled: bytes) -> bytes:
    return hashlib.sha256(name.encode() + compiled).digest()
