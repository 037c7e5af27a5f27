from __future__ import annotations

import asyncio
import os
import shutil
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import harness
import pytest

from sidecar.errors import InterpreterNotFound
from sidecar.runner import interpreter

if TYPE_CHECKING:
    from harness import ToolRunner

WORKS = "import sys\ndef run(args): return list(sys.version_info[:2])"
OWN = list(sys.version_info[:2])


def _refused(tools: ToolRunner, python_path: str) -> InterpreterNotFound:
    with pytest.raises(InterpreterNotFound) as caught:
        tools.run(WORKS, python_path=python_path)
    assert caught.value.message.startswith("Failed to spawn Python process: ")
    assert [set(one) for one in caught.value.data["candidates"]] == [{"path", "reason"}]
    assert tools.run(WORKS).data == OWN
    return caught.value


def test_a_path_where_nothing_is_is_refused_with_the_path(runner: ToolRunner, tmp_path: Path) -> None:
    error = _refused(runner, str(tmp_path / "no-python"))
    assert error.data["candidates"] == [{"path": str(tmp_path / "no-python"), "reason": "No such file or directory"}]


def test_a_name_that_is_not_on_path_is_refused(runner: ToolRunner) -> None:
    error = _refused(runner, "no-such-python-anywhere")
    assert error.data["candidates"] == [{"path": "no-such-python-anywhere", "reason": "not found on PATH"}]


@pytest.mark.parametrize("name", ["true", "false", "cat", "sh"])
def test_a_program_that_is_no_python_is_refused(runner: ToolRunner, name: str) -> None:
    assert _refused(runner, str(shutil.which(name))).data["candidates"][0]["reason"]


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("#!/bin/sh\nexit 3", 0o755),
        ("#!/bin/sh\necho '{}'", 0o755),
        ("#!/bin/sh\necho '[]'", 0o755),
        ('#!/bin/sh\necho \'{"version": "x", "implementation": 1, "executable": null}\'', 0o755),
        ('#!/bin/sh\necho \'{"version": [3, 12], "implementation": "pypy", "executable": "/x"}\'', 0o755),
        ("#!/bin/sh\nkill -9 $$", 0o755),
        ("#!/no/such/shell\n", 0o755),
        ("#!/bin/sh\n", 0o644),
        ("not a program", 0o755),
        ("", 0o755),
    ],
)
def test_a_file_that_does_not_describe_itself_as_python_is_refused(
    runner: ToolRunner, tmp_path: Path, text: str, mode: int
) -> None:
    path = tmp_path / "python"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    assert _refused(runner, str(path)).data["candidates"][0]["path"] == str(path)


def test_a_directory_is_refused(runner: ToolRunner, tmp_path: Path) -> None:
    _refused(runner, str(tmp_path))


@pytest.mark.skipif(not harness.too_old(), reason="no CPython older than 3.7 on this machine")
def test_a_python_that_is_too_old_is_refused_with_its_version() -> None:
    tools = harness.ToolRunner(harness.config())
    try:
        for found in harness.too_old():
            reason = _refused(tools, found.path).data["candidates"][0]["reason"]
            assert f"is Python {found.minor}" in reason
            assert "older than 3.7" in reason
    finally:
        tools.close()


def test_the_default_tries_its_alternatives_and_names_each(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = asyncio.run(interpreter.find("python3"))
    assert found.version == tuple(sys.version_info[:3])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "gone"))
    with pytest.raises(InterpreterNotFound) as caught:
        asyncio.run(interpreter.find("python3"))
    assert [one["path"] for one in caught.value.data["candidates"]] == ["python3", "python", str(tmp_path / "gone")]


def test_a_virtual_environments_python_is_its_base_without_its_packages(runner: ToolRunner, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    packages = next((tmp_path / "env" / "lib").glob("python*/site-packages"))
    (packages / "third_party.py").write_text("", encoding="utf-8")
    python = str(tmp_path / "env" / "bin" / "python")
    assert runner.run(WORKS, python_path=python).data == OWN
    error = runner.run("def run(args):\n    import third_party", python_path=python).error
    assert error["type"] == "ModuleNotFoundError"


def test_a_symbolic_link_is_the_interpreter_behind_it(runner: ToolRunner, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(sys.executable)
    (tmp_path / "link of a link").symlink_to(tmp_path / "link")
    assert runner.run(WORKS, python_path=str(tmp_path / "link of a link")).data == OWN


def test_a_script_that_starts_python_is_the_interpreter_behind_it(runner: ToolRunner, tmp_path: Path) -> None:
    path = tmp_path / "shim"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    assert runner.run(WORKS, python_path=str(path)).data == OWN


def test_a_name_on_path_is_looked_up(runner: ToolRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my-python").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert runner.run(WORKS, python_path="my-python").data == OWN


def _shims() -> list[str]:
    found = (shutil.which(name, path=_shim_path()) for name in ("python3", "python"))
    return [path for path in found if path is not None]


def _shim_path() -> str:
    roots = (os.environ.get("PYENV_ROOT"), os.environ.get("ASDF_DATA_DIR"))
    return ":".join(str(Path(root) / "shims") for root in roots if root)


@pytest.mark.skipif(not _shims(), reason="no pyenv or asdf shim on this machine")
def test_a_version_managers_shim_is_the_interpreter_that_it_chooses(runner: ToolRunner) -> None:
    for shim in _shims():
        assert runner.run(WORKS, python_path=shim).data[0] == 3


def test_every_path_to_one_interpreter_shares_one_zygote(tmp_path: Path) -> None:
    tools = harness.ToolRunner(harness.config())
    try:
        for name in ("a", "b", "c"):
            (tmp_path / name).symlink_to(sys.executable)
            assert tools.run(WORKS, python_path=str(tmp_path / name)).data == OWN
        assert tools.runner.gauges()["zygotes"] == 1
    finally:
        tools.close()


def test_calls_that_come_together_search_for_their_interpreter_once(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[str] = []
    find = interpreter.find

    async def counting(python_path: str, begun: Any) -> interpreter.Interpreter:
        searched.append(python_path)
        return await find(python_path, begun)

    monkeypatch.setattr(interpreter, "find", counting)
    tools = harness.ToolRunner(harness.config())
    try:

        async def scenario() -> list[Any]:
            return await asyncio.gather(*(tools.runner.run(tools.request(WORKS)) for _ in range(10)))

        assert [record.code for record in tools.on_loop(scenario())] == ["ok"] * 10
        assert tools.run(WORKS).data == OWN
        assert searched == [tools.config.python_path]
        assert tools.runner.gauges()["zygotes"] == 1
    finally:
        tools.close()


def test_an_interpreter_that_was_missing_is_looked_for_again(runner: ToolRunner, tmp_path: Path) -> None:
    path = tmp_path / "later"
    _refused(runner, str(path))
    path.symlink_to(sys.executable)
    assert runner.run(WORKS, python_path=str(path)).data == OWN


def test_one_callers_cancellation_is_not_the_others_failure(tmp_path: Path) -> None:
    (tmp_path / "python").symlink_to(sys.executable)
    tools = harness.ToolRunner(harness.config())
    try:

        async def scenario() -> Any:
            request = tools.request(WORKS, python_path=str(tmp_path / "python"))
            first, second = (asyncio.ensure_future(tools.runner.run(request)) for _ in range(2))
            for _ in range(3):
                await asyncio.sleep(0)
            first.cancel()
            return await asyncio.wait_for(second, harness.PATIENCE_S)

        assert harness.Reply.of(tools.on_loop(scenario())).data == OWN
    finally:
        tools.close()


def test_the_host_keeps_its_environment_to_itself(
    runner: ToolRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a shim needs reaches the question that is asked of it, and nothing reaches a tool.
    heard = tmp_path / "heard"
    path = tmp_path / "spy"
    path.write_text(f'#!/bin/sh\nenv > "{heard}"\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    monkeypatch.setenv("PYRUNNER_TEST_SECRET", "secret")
    monkeypatch.setenv("LD_PRELOAD_NOT", "secret")
    assert runner.run(WORKS, python_path=str(path)).data == OWN
    assert "secret" not in heard.read_text(encoding="utf-8")
