"""Compiled code that outlives a sidecar: what the next one finds, what it does not believe, and who cannot see it."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

import harness
import pytest

from sidecar.config import Config, ConfigError
from sidecar.runner import examination
from sidecar.runner.code_cache import Key
from sidecar.runner.code_store import CodeStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from harness import ToolRunner

    from sidecar.runner.worker import Worker

TOOL = "def run(args): return args['n'] + 1"
LISTS = "import os\ndef run(args): return os.listdir(args['path'])"
MIB = 1024 * 1024


@contextlib.contextmanager
def runner(directory: Path) -> Iterator[ToolRunner]:
    """A runner that keeps compiled code there; when it is closed, all of that is written."""
    tools = harness.ToolRunner(harness.config(code_cache_dir=str(directory)))
    try:
        yield tools
    finally:
        store = tools.runner._compilations._store
        assert store is not None
        tools.processes()
        tools.close()
        written(store)


def written(store: CodeStore) -> None:
    store.close()
    store._thread.shutdown(wait=True)


def key(number: int) -> Key:
    return Key("/python", (3, 11, 0), None, f"source {number}")


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sources that have been compiled for later calls."""
    seen: list[str] = []
    real = examination.compile_code

    async def watched(worker: Worker, code: str, tool_id: str | None, max_memory_mb: int) -> bytes:
        seen.append(code)
        return await real(worker, code, tool_id, max_memory_mb)

    monkeypatch.setattr(examination, "compile_code", watched)
    return seen


def call_twice(directory: Path) -> None:
    with runner(directory) as tools:
        for n in (1, 2):
            assert tools.run(TOOL, {"n": n}).data == n + 1


def test_what_one_sidecar_has_compiled_the_next_one_finds(tmp_path: Path, compilations: list[str]) -> None:
    call_twice(tmp_path)
    assert compilations == [TOOL]
    (entry,) = tmp_path.iterdir()
    assert entry.stat().st_mode & 0o777 == 0o600
    call_twice(tmp_path)
    assert compilations == [TOOL]


def test_it_is_looked_up_for_the_source_the_name_and_the_interpreter_that_it_is_of(tmp_path: Path) -> None:
    call_twice(tmp_path)
    (entry,) = tmp_path.iterdir()
    with runner(tmp_path) as tools:
        assert tools.run(TOOL + "\n", {"n": 1}).data == 2
        assert "<tool:named>" in tools.run("def run(args): 1 / 0", tool_id="named").error["traceback"]
    assert list(tmp_path.iterdir()) == [entry]


@pytest.mark.parametrize("data", [b"", b"short", b"\0" * 4096], ids=["empty", "cut", "foreign"])
def test_a_file_that_is_not_whole_is_nothing_and_is_made_anew(
    tmp_path: Path, compilations: list[str], data: bytes
) -> None:
    call_twice(tmp_path)
    (entry,) = tmp_path.iterdir()
    whole = entry.read_bytes()
    entry.write_bytes(data)
    call_twice(tmp_path)
    assert compilations == [TOOL, TOOL]
    assert entry.read_bytes() == whole


def test_a_file_of_another_source_under_its_name_is_not_believed(tmp_path: Path) -> None:
    store = CodeStore(str(tmp_path), 1)
    store.put(key(1), b"of the first")
    written(store)
    (entry,) = tmp_path.iterdir()
    other = CodeStore(str(tmp_path), 1)
    other.put(key(2), b"of the second")
    written(other)
    (second,) = set(tmp_path.iterdir()) - {entry}
    second.replace(entry)
    reader = CodeStore(str(tmp_path), 1)
    assert reader._read(key(1)) == b""
    assert not entry.exists()
    reader.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="we are no root, who alone can give a file to somebody else")
@pytest.mark.parametrize("change", [lambda path: os.chown(path, 12345, -1), lambda path: path.chmod(0o666)])
def test_a_file_that_somebody_else_may_have_written_is_not_believed(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    store = CodeStore(str(tmp_path), 1)
    store._write(key(1), b"compiled")
    (entry,) = tmp_path.iterdir()
    change(entry)
    assert store._read(key(1)) == b""
    assert not entry.exists()
    store.close()


def test_a_directory_under_a_files_name_keeps_no_descriptor(tmp_path: Path) -> None:
    store = CodeStore(str(tmp_path), 1)
    store._write(key(1), b"compiled")
    (entry,) = tmp_path.iterdir()
    entry.unlink()
    entry.mkdir()
    before = harness.open_descriptors()
    for _ in range(5):
        assert store._attempt(store._read, key(1)) == b""
    assert harness.open_descriptors() == before
    store.close()


def test_a_directory_that_is_put_in_its_place_is_not_looked_into(tmp_path: Path) -> None:
    directory, aside = tmp_path / "codes", tmp_path / "aside"
    directory.mkdir()
    store = CodeStore(str(directory), 1)
    store._write(key(1), b"ours")
    directory.rename(aside)
    directory.mkdir()
    store._write(key(2), b"ours too")
    assert [store._read(key(number)) for number in (1, 2)] == [b"ours", b"ours too"]
    assert not list(directory.iterdir())
    store.close()


def test_a_directory_that_others_may_write_to_by_now_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tmp_path.chmod(0o777)
    store = CodeStore(str(tmp_path), 1)
    assert store._attempt(store._read, key(1)) == b""
    assert "others may write here" in caplog.text
    store.close()


def test_beyond_its_size_the_least_recently_used_go(tmp_path: Path) -> None:
    store = CodeStore(str(tmp_path), 1)
    for number in range(5):
        store._write(key(number), b"x" * (MIB // 4))
        for age, entry in enumerate(sorted(tmp_path.iterdir(), key=lambda one: one.stat().st_mtime_ns, reverse=True)):
            os.utime(entry, ns=(0, (100 - age) * 10**9))
        store._read(key(0))
    assert sum(entry.stat().st_size for entry in tmp_path.iterdir()) <= MIB
    assert store._read(key(0))
    assert store._read(key(4))
    assert store._read(key(1)) == b""
    store.close()


def test_a_directory_that_goes_away_fails_no_call(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    directory = tmp_path / "codes"
    directory.mkdir()
    with runner(directory) as tools:
        directory.rmdir()
        for n in range(4):
            assert tools.run(TOOL, {"n": n}).data == n + 1
    assert sum("PYRUNNER_CODE_CACHE_DIR" in record.getMessage() for record in caplog.records) == 1


def test_a_disk_that_does_not_answer_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = threading.Event()

    def stuck(_store: CodeStore, _key: Key) -> bytes:
        answers.wait(harness.PATIENCE_S)
        return b""

    monkeypatch.setattr(CodeStore, "_read", stuck)
    with runner(tmp_path) as tools:
        assert tools.run(TOOL, {"n": 1}).data == 2
        assert not answers.is_set()
        answers.set()


def test_a_tool_cannot_see_the_directory(tmp_path: Path) -> None:
    with runner(tmp_path) as tools:
        assert tools.run(LISTS, {"path": str(tmp_path)}).error["type"] in ("FileNotFoundError", "PermissionError")


@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_a_directory_that_others_can_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    with pytest.raises(ConfigError, match="PYRUNNER_CODE_CACHE_DIR="):
        Config.from_environ({"PYRUNNER_CODE_CACHE_DIR": str(tmp_path)})
    tmp_path.chmod(0o700)
    assert Config.from_environ({"PYRUNNER_CODE_CACHE_DIR": str(tmp_path)}).code_cache_dir == str(tmp_path)
