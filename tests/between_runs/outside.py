"""Channels outside the jail: both sides as ordinary processes in a small world of files that they share.

A receiver that cannot find a token here would find none in a jail either, whatever the jail lets through.
"""

from __future__ import annotations

import itertools
import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from channels import IN_PROCESS, MEANWHILE, WAITING, Channel, arguments
from harness import PATIENCE_S

if TYPE_CHECKING:
    from typing_extensions import Self

_SCRIPT = Path(__file__).with_name("outside_process.py")
_FOLDERS = ("tmp", "dev/shm", "usr/lib")


class World:
    """A root, a scratch directory and a standard library for processes that are told to take them for theirs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._jobs = itertools.count()
        for name in (*_FOLDERS, "library"):
            (folder / "root" / name).mkdir(parents=True)
        (folder / "root/dev/null").write_text("nothing\n", encoding="ascii")
        self.library = folder / "root" / "library"
        for name in ("left_source", "types", *(f"module_{number:02}" for number in range(24))):
            (self.library / f"{name}.py").write_text("LEFT = 'nothing'\n", encoding="ascii")
        self.stdin = folder / "stdin"
        self.stdin.write_bytes(b"")

    def arguments(self) -> dict[str, Any]:
        """What both sides are told."""
        return arguments(outside=True, root=str(self._folder / "root"), library=str(self.library))

    def job(self, codes: list[str], args: dict[str, Any], *, unshare: bool = False) -> Path:
        """The file that tells a process what to do."""
        path = self._folder / f"job-{next(self._jobs)}"
        path.write_text(json.dumps({"codes": codes, "args": args, "unshare": unshare}), encoding="utf-8")
        return path

    def start(self, job: Path, stdin: int) -> Process:
        """Start it."""
        scratch = self._folder / "root" / "tmp"
        return Process(job, stdin, scratch)


class Process:
    """One side. Every wait is bounded; leaving the block ends it."""

    def __init__(self, job: Path, stdin: int, scratch: Path) -> None:
        self._popen = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_SCRIPT), str(job)],
            stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            cwd=scratch, env={"TMPDIR": str(scratch), "HOME": str(scratch)},
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._popen.kill()
        self._popen.communicate(timeout=PATIENCE_S)

    def ready(self) -> dict[str, Any]:
        """What it says when all is in place."""
        deadline, text = time.monotonic() + PATIENCE_S, b""
        assert self._popen.stdout is not None
        poll = select.poll()
        poll.register(self._popen.stdout, select.POLLIN)
        while not text.endswith(b"\n"):
            assert poll.poll(max(deadline - time.monotonic(), 0) * 1000), text
            data = os.read(self._popen.stdout.fileno(), 4096)
            assert data, (text, self._popen.stderr and self._popen.stderr.read())
            text += data
        said: dict[str, Any] = json.loads(text.removeprefix(b"ready "))
        return said

    def result(self) -> list[Any]:
        """What its tools returned. Skips where the machine lacks what they need."""
        output, errors = self._popen.communicate(timeout=PATIENCE_S)
        assert self._popen.returncode == 0, errors.decode()
        said = json.loads(output.splitlines()[-1])
        if "lacks" in said:
            pytest.skip(f"outside the jail, this machine refuses {said['lacks']}")
        results: list[Any] = said["results"]
        return results


def attempt(channel: Channel, world: World) -> tuple[dict[str, Any], Any, Any]:
    """Send and look: what both were told, what the sender says it left, and what was found."""
    args = world.arguments()
    stdin = os.open(world.stdin, os.O_RDWR)
    try:
        return args, *_PAIRS.get(channel.file, _afterwards)(channel, world, args, stdin)
    finally:
        os.close(stdin)


def _afterwards(channel: Channel, world: World, args: dict[str, Any], stdin: int) -> tuple[Any, Any]:
    with world.start(world.job([channel.tool("leave")], args), stdin) as sender:
        (left,) = sender.result()
    return left, _found(channel, world, args, stdin)


def _in_process(channel: Channel, world: World, args: dict[str, Any], stdin: int) -> tuple[Any, Any]:
    codes = [channel.tool("leave"), channel.tool("find")]
    with world.start(world.job(codes, args, unshare=channel.needs_namespace), stdin) as both:
        left, found = both.result()
    return left, found


def _meanwhile(channel: Channel, world: World, args: dict[str, Any], stdin: int) -> tuple[Any, Any]:
    with world.start(world.job([channel.tool("leave_and_wait")], args), stdin) as sender:
        said = sender.ready()
        return said["left"], _found(channel, world, {**args, "hint": said["hint"]}, stdin)


def _waiting(channel: Channel, world: World, args: dict[str, Any], stdin: int) -> tuple[Any, Any]:
    with world.start(world.job([channel.tool("find")], args), stdin) as receiver:
        said = receiver.ready()
        with world.start(world.job([channel.tool("leave")], {**args, "hint": said["hint"]}), stdin) as sender:
            (left,) = sender.result()
        (found,) = receiver.result()
    return left, found


def _found(channel: Channel, world: World, args: dict[str, Any], stdin: int) -> Any:
    with world.start(world.job([channel.tool("find")], {**args, "token": ""}), stdin) as receiver:
        (found,) = receiver.result()
    return found


_PAIRS = {IN_PROCESS: _in_process, MEANWHILE: _meanwhile, WAITING: _waiting}
