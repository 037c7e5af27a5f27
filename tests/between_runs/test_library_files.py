"""The files of the standard library are the same after a call that did all it could to them, reading included."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import harness
import pytest
from channels import FOLDER, Channel, arguments, came_through, channels
from library_copy import LONG_AGO_S, Copy, place_for_copies

if TYPE_CHECKING:
    from collections.abc import Iterator

TOUCH = (FOLDER / "tools/touch.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def copy() -> Iterator[Copy]:
    """An interpreter whose files everybody may write."""
    with tempfile.TemporaryDirectory(dir=place_for_copies()) as folder:
        yield Copy(Path(folder))


@pytest.fixture(scope="module")
def tools(copy: Copy) -> Iterator[harness.ToolRunner]:
    """A runner of its workers."""
    runner = harness.ToolRunner(harness.config(str(copy.python)))
    yield runner
    runner.close()


def test_outside_the_jail_reading_and_changing_them_is_seen(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("pass\n", encoding="ascii")
    arguments = json.dumps({"library": str(tmp_path), "touch": True})
    outside = f"{TOUCH}\nimport json, sys\nprint(json.dumps(run(json.loads(sys.argv[1]))))\n"
    output = subprocess.run(
        [sys.executable, "-I", "-c", outside, arguments], check=True, capture_output=True, timeout=harness.PATIENCE_S
    ).stdout
    changed = {change.rpartition(": ")[2] for change in json.loads(output)["changed"]}
    assert {"mode", "times", "content", "link", "name"} <= changed


def test_outside_the_jail_a_read_changes_the_time_of_access(copy: Copy) -> None:
    path = copy.library / "antigravity.py"
    path.read_bytes()
    if path.stat().st_atime == LONG_AGO_S:
        pytest.skip("this machine's temporary directory is mounted noatime")


def test_nothing_of_them_is_changed_by_a_call_that_reads_and_tries_to_change_all(
    copy: Copy, tools: harness.ToolRunner
) -> None:
    quiet = {"library": str(copy.library), "touch": False}
    seen = tools.run(TOUCH, quiet).data["facts"]
    before = copy.state()
    reply = tools.run(TOUCH, {**quiet, "touch": True}, timeout_ms=20_000).data
    assert reply["changed"] == []
    assert copy.state() == before
    for _ in range(tools.config.standby_workers + 1):
        assert tools.run(TOUCH, quiet).data["facts"] == seen


@pytest.mark.parametrize("channel", channels("files"), ids=lambda channel: channel.id)
def test_nothing_is_left_in_a_library_that_everybody_may_write(channel: Channel, tools: harness.ToolRunner) -> None:
    args = arguments()
    left = tools.run(channel.tool("leave"), args).data
    found = [tools.run(channel.tool("find"), {**args, "token": ""}).data for _ in range(4)]
    assert not came_through(args, left, found), (args, left, found)


def test_a_module_that_is_imported_leaves_no_compiled_file(copy: Copy, tools: harness.ToolRunner) -> None:
    before = copy.state()
    code = """
        import importlib, py_compile, sys
        def run(args):
            sys.dont_write_bytecode = False
            try:
                py_compile.compile(importlib.import_module("left_source").__file__, doraise=True)
            except OSError:
                return "refused"
    """
    assert tools.run(code).data == "refused"
    assert copy.state() == before
    assert list(copy.library.rglob("*left_source*")) == [copy.library / "left_source.py"]
