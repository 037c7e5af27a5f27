"""Which mechanism holds a call's memory, what it counts, and that nothing of it is left."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import harness
import pytest

from sidecar.errors import SandboxUnavailable
from sidecar.runner import cgroups
from sidecar.runner.locked import LockedDirectory
from sidecar.runner.watchdog import fits, holdings
from sidecar.runner.worker import Worker
from sidecar.worker.removal import remove

if TYPE_CHECKING:
    from collections.abc import Iterator

ONE = "def run(args): return 1"
# Addresses that were reserved before the call count for no limit of addresses: this tool writes to files instead.
FILES = (
    "import time\ndef run(args):\n  kept = [bytearray(1 << 20) for _ in range(args['heap'])]\n"
    "  for number in range(args['files']):\n    with open(str(number), 'wb') as file: file.write(b'x' * (1 << 20))\n"
    "  time.sleep(args.get('seconds', 0))\n  return len(kept)\n"
)


@pytest.fixture(scope="module")
def in_cgroups() -> Iterator[harness.ToolRunner]:
    found, reason = cgroups.find("auto")
    if found is None:
        pytest.skip(f"no memory cgroup can be made here: {reason}")
    found.close()
    runner = harness.ToolRunner(harness.config())
    yield runner
    runner.close()


@pytest.fixture(scope="module")
def watched() -> Iterator[harness.ToolRunner]:
    runner = harness.ToolRunner(harness.config(cgroup="off"))
    yield runner
    runner.close()


def test_the_reply_names_the_cgroup_and_its_peak(in_cgroups: harness.ToolRunner) -> None:
    reply = in_cgroups.run(FILES, {"heap": 20, "files": 20})
    assert any(layer.startswith("memory_cgroup_v") for layer in reply.isolation.layers)
    assert 40 <= reply.usage.peak_memory_mb < 70


def test_files_in_the_scratch_directory_count_as_memory(in_cgroups: harness.ToolRunner) -> None:
    reply = in_cgroups.run(FILES, {"heap": 40, "files": 50}, max_memory_mb=64)
    assert (reply.error["code"], reply.error["type"]) == ("memory_limit", "MemoryError")
    assert reply.usage.peak_memory_mb < 64 + 16 + 12
    assert in_cgroups.run(ONE).data == 1


def test_a_watchdog_counts_them_where_there_is_no_cgroup(watched: harness.ToolRunner) -> None:
    assert "memory_watchdog" in watched.run(ONE).isolation.layers
    reply = watched.run(FILES, {"heap": 40, "files": 50, "seconds": 20}, max_memory_mb=64, timeout_ms=20_000)
    assert (reply.error["code"], reply.error["type"]) == ("memory_limit", "MemoryError")
    assert watched.run(ONE).data == 1


# Each page lies in a table of its own, which takes as much again; addresses are within the limit.
SCATTERED = (
    "import ctypes, time\nlibc = ctypes.CDLL(None)\nlibc.mmap.restype = ctypes.c_void_p\n"
    "def run(args):\n  kept = 0\n  for number in range(7000):\n"
    "    at = libc.mmap(ctypes.c_void_p(0x100000000000 + (number << 21)), ctypes.c_size_t(4096), 3, 0x32, -1,"
    " ctypes.c_size_t(0))\n"
    "    ctypes.memset(ctypes.c_void_p(at), 1, 1)\n    kept += 1\n  time.sleep(args['seconds'])\n  return kept\n"
)


@pytest.mark.parametrize("kind", ["in_cgroups", "watched"])
def test_page_tables_count(kind: str, request: pytest.FixtureRequest) -> None:
    runner: harness.ToolRunner = request.getfixturevalue(kind)
    assert runner.run(SCATTERED, {"seconds": 0}, max_memory_mb=256).data == 7000
    reply = runner.run(SCATTERED, {"seconds": 20}, max_memory_mb=32, timeout_ms=20_000)
    assert reply.error["code"] == "memory_limit"


@pytest.mark.parametrize("kind", ["in_cgroups", "watched"])
def test_the_standard_limit_is_enough_for_threads_libraries_and_large_arguments(
    kind: str, request: pytest.FixtureRequest
) -> None:
    runner: harness.ToolRunner = request.getfixturevalue(kind)
    code = (
        "import decimal, sqlite3, threading\ndef run(args):\n  gate = threading.Event()\n"
        "  threads = [threading.Thread(target=gate.wait) for _ in range(20)]\n  [t.start() for t in threads]\n"
        "  sqlite3.connect(':memory:').execute('select 1')\n  gate.set()\n  [t.join() for t in threads]\n"
        "  return [len(args['text']), str(decimal.Decimal(1) / 3)[:5]]\n"
    )
    assert runner.run(code, {"text": "x" * 5_000_000}).data == [5_000_000, "0.333"]


def test_no_cgroup_is_left() -> None:
    found, reason = cgroups.find("auto")
    if found is None:
        pytest.skip(f"no memory cgroup can be made here: {reason}")
    found.close()
    runner = harness.ToolRunner(harness.config())
    for _ in range(5):
        runner.run(ONE)
    (pool,) = runner.runner._pools
    assert pool._zygote is not None
    own = Path(pool._zygote._resources.cgroup_path)
    assert any(own.iterdir())
    runner.close()
    assert not own.exists()


def test_a_cgroup_that_was_named_and_cannot_be_used_is_a_refusal(tmp_path: Path) -> None:
    runner = harness.ToolRunner(harness.config(cgroup=str(tmp_path)))
    with pytest.raises(SandboxUnavailable) as refused:
        runner.run(ONE)
    assert {one["layer"] for one in refused.value.data["missing"]} == {"memory_cgroup"}
    runner.close()
    assert list(tmp_path.iterdir()) == []


def test_what_the_dead_have_left_is_swept_and_what_the_living_hold_is_not(tmp_path: Path) -> None:
    living = LockedDirectory(str(tmp_path), 0o700, remove)
    dead = tmp_path / "pyrunner-dead"
    (dead / "below").mkdir(parents=True)
    (tmp_path / "pyrunner-link").symlink_to(tmp_path)
    (tmp_path / "other").mkdir()
    another = LockedDirectory(str(tmp_path), 0o700, remove)
    another.sweep()
    assert not dead.exists()
    assert {*tmp_path.iterdir()} == {
        Path(living.path), Path(another.path), tmp_path / "pyrunner-link", tmp_path / "other",
    }  # fmt: skip
    living.close()
    another.close()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_tree_is_measured_without_following_links(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * (1 << 20))
    top = tmp_path / "top"
    top.mkdir()
    (top / "link").symlink_to(tmp_path)
    assert fits(str(top), 100_000, 10)
    assert not fits(str(tmp_path), 100_000, 10)
    assert not fits(str(tmp_path), 10 << 20, 1)
    assert fits(str(tmp_path / "gone"), 0, 0)


def test_a_process_that_is_gone_holds_nothing() -> None:
    assert holdings(None).threads == 0
    assert holdings(2**22 + 1).memory_bytes == 0


def test_a_worker_that_has_just_died_is_given_no_limit_and_no_descriptor_is_kept_for_it(
    in_cgroups: harness.ToolRunner,
) -> None:
    async def scenario() -> None:
        pool = await in_cgroups.runner._pools.get(in_cgroups.config.python_path, "strict")
        worker = await pool.acquire()
        await worker.end()
        with pytest.raises(OSError, match=r"dead|No such file"):
            worker.share.limit_memory(1 << 30)
        assert pool._zygote is not None
        cgroup = pool._zygote._resources._cgroup
        assert cgroup is not None
        assert worker.share._number not in cgroup._peaks

    in_cgroups.on_loop(scenario())
    assert in_cgroups.run(ONE).data == 1


def test_a_worker_that_could_not_be_held_leaves_no_cgroup(
    in_cgroups: harness.ToolRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        pool = await in_cgroups.runner._pools.get(in_cgroups.config.python_path, "strict")
        zygote = await pool._live_zygote()

        def lose(worker: Worker, pidfd: int) -> None:
            """As when no descriptor is left for the pidfd."""
            os.close(pidfd)
            worker.lose()

        monkeypatch.setattr(Worker, "attach", lose)
        lost = await zygote.spawn()
        await lost.jailed(harness.PATIENCE_S)
        monkeypatch.undo()
        group = Path(zygote._resources.cgroup_path, str(lost.share._number))
        await harness.until(group.exists)
        lost.discard()
        cgroup = zygote._resources._cgroup
        assert cgroup is not None
        await harness.until(lambda: lost._reaped and not cgroup.dead)
        assert not await asyncio.to_thread(group.exists)

    in_cgroups.on_loop(scenario())
    assert in_cgroups.run(ONE).data == 1
