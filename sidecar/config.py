"""The configuration of one sidecar: read once from the environment, then frozen.

Invariant: a value that is out of range never becomes a limit. It is refused with an error that names the variable.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from sidecar.memory import available_mb

if TYPE_CHECKING:
    from collections.abc import Mapping

MIN_TIMEOUT_MS = 1
MAX_TIMEOUT_MS = 24 * 60 * 60 * 1000
MIN_MEMORY_MB = 8  # what a small tool with asyncio needs beyond the interpreter
MAX_MEMORY_MB = 1024 * 1024
MAX_BUDGET_MB = 16 * MAX_MEMORY_MB

# Strongest first; what each means is in protocol.md.
LEVELS = ("strict", "process")

_MIB = 1024 * 1024
_MORE_STANDBY = 32


class ConfigError(ValueError):
    """A variable of the environment holds a value that cannot be used; the message names it and what it should be."""

    def __init__(self, variable: str, value: str, expected: str) -> None:
        super().__init__(f"{variable}={value!r} is not valid: expected {expected}.")
        self.variable = variable


@dataclass(frozen=True)
class Limits:
    """What a tool may use when its call or its registration says nothing else."""

    timeout_ms: int = 30_000
    max_memory_mb: int = 256
    stdout_max_bytes: int = 1 * _MIB
    stderr_max_bytes: int = 1 * _MIB
    result_max_bytes: int = 16 * _MIB
    scratch_max_bytes: int = 64 * _MIB
    scratch_max_inodes: int = 4096
    max_open_files: int = 256
    max_threads: int = 128
    # CPU time of one call; 0 means the wall timeout times the cores, which only a sidecar that was stopped can meet.
    max_cpu_ms: int = 0
    # What a tool may print beyond its limits, read and thrown away, before it is ended with `output_limit`.
    discard_max_bytes: int = 1024 * _MIB


@dataclass(frozen=True)
class Config:
    """Everything that can be set from outside; see the table in protocol.md for names, units and ranges."""

    python_path: str = "python3"
    limits: Limits = Limits()
    max_concurrency: int = 0  # 0: twice the cores
    max_queue: int = 4096
    # What all calls that run may use together, by their `maxMemoryMB`.
    memory_budget_mb: int = MAX_BUDGET_MB
    drain_ms: int = 5000
    standby_workers: int = 0
    standby_workers_max: int = 0  # what a rush brings them to; less than standby_workers: no more of them
    warm_max_mb: int = 256  # what the interpreters of tools that are registered `warm` may take together
    max_message_bytes: int = 64 * _MIB
    min_isolation: str = LEVELS[0]
    cgroup: str = "auto"  # or "off", or the directory of a cgroup that is ours to use
    scratch_dir: str = ""  # where scratch directories are made if none can be mounted; "": the system's temporary one
    code_cache_dir: str = ""  # where compiled code is kept for the next start; "": nowhere
    code_cache_max_mb: int = 64
    log_level: str = "warning"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Config:
        """Read `PYTHON_PATH`, `PYTHON_TIMEOUT_MS`, `PYTHON_MAX_MEMORY_MB` and the `PYRUNNER_*` variables.

        Raises `ConfigError` for the first value that cannot be used. An empty value counts as not set.
        """
        limits = Limits(
            **{
                field.name: _integer(environ, *_LIMIT_VARIABLES[field.name], default=int(getattr(Limits, field.name)))
                for field in fields(Limits)
            }
        )
        cores = os.cpu_count() or 1
        max_concurrency = _integer(environ, "PYRUNNER_MAX_CONCURRENCY", 1, 4096, default=2 * cores)
        return cls(
            python_path=_python_path(environ),
            limits=limits,
            max_concurrency=max_concurrency,
            max_queue=_integer(environ, "PYRUNNER_MAX_QUEUE", 1, 1_000_000, default=cls.max_queue),
            memory_budget_mb=_memory_budget_mb(environ, limits.max_memory_mb),
            drain_ms=_integer(environ, "PYRUNNER_DRAIN_MS", 0, 10 * 60 * 1000, default=cls.drain_ms),
            standby_workers=_integer(environ, "PYRUNNER_STANDBY_WORKERS", 1, 1024, default=max_concurrency),
            standby_workers_max=_standby_workers_max(environ, max_concurrency),
            warm_max_mb=_integer(environ, "PYRUNNER_WARM_MAX_MB", 0, MAX_MEMORY_MB, default=cls.warm_max_mb),
            max_message_bytes=_integer(
                environ, "PYRUNNER_MAX_MESSAGE_BYTES", 64 * 1024, 1024 * _MIB, default=cls.max_message_bytes
            ),
            min_isolation=_choice(environ, "PYRUNNER_MIN_ISOLATION", LEVELS),
            cgroup=_directory(environ, "PYRUNNER_CGROUP", ("auto", "off")),
            scratch_dir=_directory(environ, "PYRUNNER_SCRATCH_DIR", ("",)),
            code_cache_dir=_own_directory(environ, "PYRUNNER_CODE_CACHE_DIR"),
            code_cache_max_mb=_integer(
                environ, "PYRUNNER_CODE_CACHE_MAX_MB", 1, 1024 * 1024, default=cls.code_cache_max_mb
            ),
            log_level=_choice(environ, "PYRUNNER_LOG", ("warning", "debug", "info", "error")),
        )


_LIMIT_VARIABLES: dict[str, tuple[str, int, int]] = {
    "timeout_ms": ("PYTHON_TIMEOUT_MS", MIN_TIMEOUT_MS, MAX_TIMEOUT_MS),
    "max_memory_mb": ("PYTHON_MAX_MEMORY_MB", MIN_MEMORY_MB, MAX_MEMORY_MB),
    "stdout_max_bytes": ("PYRUNNER_STDOUT_MAX_BYTES", 0, 1024 * _MIB),
    "stderr_max_bytes": ("PYRUNNER_STDERR_MAX_BYTES", 0, 1024 * _MIB),
    "result_max_bytes": ("PYRUNNER_RESULT_MAX_BYTES", 64, 512 * _MIB),
    "scratch_max_bytes": ("PYRUNNER_SCRATCH_MAX_BYTES", 4096, 1024 * 1024 * _MIB),
    "scratch_max_inodes": ("PYRUNNER_SCRATCH_MAX_INODES", 16, 10_000_000),
    "max_open_files": ("PYRUNNER_MAX_OPEN_FILES", 16, 65_536),
    "max_threads": ("PYRUNNER_MAX_THREADS", 1, 4096),
    "max_cpu_ms": ("PYRUNNER_MAX_CPU_MS", 0, MAX_TIMEOUT_MS),
    "discard_max_bytes": ("PYRUNNER_DISCARD_MAX_BYTES", 0, 1 << 50),
}


def _integer(environ: Mapping[str, str], name: str, low: int, high: int, *, default: int) -> int:
    raw = environ.get(name, "")
    if raw == "":
        return default
    # int() would also take "1_000", " 5 " and Arabic digits; a limit is worth a strict reading.
    if raw.isascii() and raw.isdigit() and len(raw) <= 20 and low <= int(raw) <= high:  # noqa: PLR2004 - 2**64 has 20 digits
        return int(raw)
    raise ConfigError(name, raw, f"a whole number from {low} to {high}")


def _standby_workers_max(environ: Mapping[str, str], max_concurrency: int) -> int:
    # A number that was named is kept to. Each takes 4 MB, and a core readies about 300 a second.
    is_named = bool(environ.get("PYRUNNER_STANDBY_WORKERS"))
    return 0 if is_named else max_concurrency + min(3 * max_concurrency, _MORE_STANDBY)


def _memory_budget_mb(environ: Mapping[str, str], one_call_mb: int) -> int:
    # The rest is for the host, for page cache, and for what the kernel holds beside each call.
    default = max(one_call_mb, available_mb() * 3 // 4)
    return _integer(environ, "PYRUNNER_MEMORY_BUDGET_MB", one_call_mb, MAX_BUDGET_MB, default=default)


def _choice(environ: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    raw = environ.get(name, "")
    if raw in ("", *choices):
        return raw or choices[0]
    raise ConfigError(name, raw, "one of " + ", ".join(sorted(choices)))


def _directory(environ: Mapping[str, str], name: str, words: tuple[str, ...]) -> str:
    raw = environ.get(name, "")
    if raw in ("", *words):
        return raw or words[0]
    if raw.startswith("/") and os.path.isdir(raw):  # noqa: PTH112 - kept as it was given
        return raw
    raise ConfigError(name, raw, " or ".join(("the absolute path of a directory that exists", *filter(None, words))))


def _own_directory(environ: Mapping[str, str], name: str) -> str:
    """A directory that nobody else can write to, "" for none. root may, and may do anything."""
    path = _directory(environ, name, ("",))
    if path:
        about = os.stat(path)  # noqa: PTH116 - as above
        if not is_ours_alone(about):
            raise ConfigError(name, path, "a directory that belongs to the sidecar's user, with mode 0700 or 0755")
    return path


def is_ours_alone(about: os.stat_result) -> bool:
    """Whether what this is about belongs to this user, and no other can write to it."""
    return about.st_uid == os.geteuid() and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _python_path(environ: Mapping[str, str]) -> str:
    raw = environ.get("PYTHON_PATH", "")
    if raw == "":
        return Config.python_path
    if ":" in raw or os.path.isdir(raw):  # noqa: PTH112 - a name on PATH is not a path yet
        raise ConfigError(
            "PYTHON_PATH", raw, "one interpreter (a name on PATH or a file); PYTHONPATH is another variable"
        )
    return raw
