"""A directory that a tool has filled is removed whole, and nothing but that."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from sidecar.worker import removal

if TYPE_CHECKING:
    from pathlib import Path


def test_any_depth_mode_and_name_goes(tmp_path: Path) -> None:
    top = tmp_path / "top"
    (top / "a" / "b").mkdir(parents=True)
    (top / "a" / "file").write_text("x")
    (top / "closed").mkdir(mode=0)
    os.close(os.open(os.fsencode(top) + b"/\xff\n", os.O_CREAT | os.O_WRONLY))
    inner = os.open(top, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("deep", dir_fd=inner)
        below = os.open("deep", os.O_RDONLY, dir_fd=inner)
        os.close(inner)
        inner = below
    os.close(inner)
    removal.remove(str(top))
    assert list(tmp_path.iterdir()) == []


def test_links_are_removed_and_what_they_lead_to_stays(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    (outside / "kept").write_text("kept")
    top = tmp_path / "top"
    top.mkdir()
    (top / "link").symlink_to(outside)
    os.link(outside / "kept", top / "hard")
    removal.remove(str(top))
    assert (outside / "kept").read_text() == "kept"
    assert (outside.stat().st_mode & 0o777, (outside / "kept").stat().st_nlink) == (0o755, 1)


def test_what_is_gone_already_is_no_error(tmp_path: Path) -> None:
    removal.remove(str(tmp_path / "never was"))


def test_a_directory_that_is_moved_from_under_the_removal_leads_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = tmp_path / "above" / "top"
    (top / "x" / "deep").mkdir(parents=True)
    (tmp_path / "above" / "victim").write_text("victim")
    (tmp_path / "elsewhere").mkdir()
    moved = threading.Event()
    remove_files = removal._remove_files

    def move_once(here: int) -> str | None:
        if os.fstat(here).st_ino == deep_inode and not moved.is_set():
            moved.set()
            (top / "x" / "deep").rename(tmp_path / "above" / "deep")
        return remove_files(here)

    deep_inode = (top / "x" / "deep").stat().st_ino
    monkeypatch.setattr(removal, "_remove_files", move_once)
    with pytest.raises(OSError, match="being changed"):
        removal.remove(str(top))
    assert moved.is_set()
    assert (tmp_path / "above" / "victim").read_text() == "victim"
