"""The wheelhouse's `unpack.py`, on wheels of a few bytes: what it makes, for whom, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import harness
import pytest

SCRIPT = Path(__file__).parents[2] / "wheelhouse" / "unpack.py"
ABI = f"cp{sys.version_info[0]}{sys.version_info[1]}"
MACHINE = os.uname().machine
# Says what `sidecar.cli` was started with, and from where.
CLI = "import sys\ndef main(): print(sys.argv[1:], __file__); return 0\n"


class Wheelhouse:
    """A package's wheelhouse in a directory of the test's own, and a cache beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "wheelhouse"
        self.cache = folder / "cache"
        self.folder.mkdir()
        shutil.copy(SCRIPT, self.folder)
        self.wheels: list[dict[str, Any]] = []
        self.add("sidecar-1.whl", {"sidecar/__init__.py": "", "sidecar/cli.py": CLI})
        self.write()

    def add(self, file: str, content: dict[str, str], **target: str) -> None:
        """Put a wheel in, for that Python and that machine."""
        with zipfile.ZipFile(self.folder / file, "w") as archive:
            for name, text in content.items():
                archive.writestr(name, text)
        digest = hashlib.sha256((self.folder / file).read_bytes()).hexdigest()
        self.wheels.append({"file": file, "sha256": digest, "python": None, "machine": None, **target})

    def write(self, **changes: object) -> None:
        """Write the manifest."""
        pythons = [f"3.{sys.version_info[1]}"]
        manifest = {"version": "1.2.3", "pythons": pythons, "machines": [MACHINE], "wheels": self.wheels, **changes}
        (self.folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

    def start(
        self, *arguments: str, python: str = sys.executable, user: int | None = None, **environ: str
    ) -> subprocess.Popen[str]:
        """Start it with this cache and nothing else in the environment."""
        return subprocess.Popen(
            [python, "-I", "-S", "-B", str(self.folder / "unpack.py"), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environ or {"PYRUNNER_CACHE_DIR": str(self.cache)},
            user=user,
        )

    def unpack(self, *arguments: str, **options: Any) -> dict[str, Any]:
        """Return the answer of a run that must succeed."""
        return answer(self.start(*arguments, **options))

    def cached(self) -> list[str]:
        """What the cache holds."""
        return sorted(path.name for path in self.cache.iterdir())

    def refusal(self, *arguments: str, **options: Any) -> str:
        """Return what a run that must fail says."""
        process = self.start(*arguments, **options)
        stdout, stderr = process.communicate(timeout=harness.PATIENCE_S)
        assert (process.returncode, stdout) == (1, "")
        return stderr.rstrip("\n")


def answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    stdout, stderr = process.communicate(timeout=harness.PATIENCE_S)
    assert (process.returncode, stderr) == (0, "")
    told: dict[str, Any] = json.loads(stdout)
    return told


@pytest.fixture
def wheelhouse(tmp_path: Path) -> Wheelhouse:
    return Wheelhouse(tmp_path)


def test_the_directory_is_the_sidecar_compiled_and_writable_by_its_owner_alone(wheelhouse: Wheelhouse) -> None:
    told = wheelhouse.unpack()
    directory = Path(told["directory"])
    assert told == {
        "directory": str(directory),
        "python": "{}.{}.{}".format(*sys.version_info),
        "unpacked": True,
    }
    ran = subprocess.run(
        [sys.executable, "-I", "-S", directory, "serve"], capture_output=True, text=True, check=True, cwd="/"
    )
    assert ran.stdout == f"['serve'] {directory}/sidecar/cli.py\n"
    assert list((directory / "sidecar/__pycache__").glob("cli.*.pyc"))
    assert all(path.stat().st_mode & 0o022 == 0 for path in [directory.parent, directory, *directory.rglob("*")])


def test_the_second_time_nothing_is_unpacked(wheelhouse: Wheelhouse) -> None:
    first = wheelhouse.unpack()
    assert wheelhouse.unpack() == {**first, "unpacked": False}
    assert wheelhouse.cached() == [Path(first["directory"]).name]


def test_another_release_gets_a_directory_of_its_own(wheelhouse: Wheelhouse) -> None:
    first = wheelhouse.unpack()
    wheelhouse.add("more-1.whl", {"more.py": ""})
    wheelhouse.write()
    second = wheelhouse.unpack()
    assert second["directory"] != first["directory"]
    assert Path(second["directory"], "more.py").exists()


def test_only_the_wheels_for_this_python_on_this_machine_are_unpacked(wheelhouse: Wheelhouse) -> None:
    wheelhouse.add("right.whl", {"right.py": ""}, python=ABI, machine=MACHINE)
    wheelhouse.add("machine.whl", {"machine.py": ""}, python=ABI, machine="riscv64")
    wheelhouse.add("python.whl", {"python.py": ""}, python="cp300", machine=MACHINE)
    wheelhouse.write()
    directory = Path(wheelhouse.unpack()["directory"])
    assert sorted(path.name for path in directory.glob("*.py")) == ["__main__.py", "right.py"]


def test_many_at_once_use_what_one_of_them_made(wheelhouse: Wheelhouse) -> None:
    told = [answer(process) for process in [wheelhouse.start() for _ in range(6)]]
    directories = {one["directory"] for one in told}
    assert len(directories) == 1
    assert wheelhouse.cached() == [Path(directories.pop()).name]


def test_force_unpacks_again_in_the_same_place(wheelhouse: Wheelhouse) -> None:
    directory = Path(wheelhouse.unpack()["directory"])
    (directory / "sidecar/cli.py").write_text("damaged", encoding="utf-8")
    assert wheelhouse.unpack("--force")["unpacked"] is True
    assert (directory / "sidecar/cli.py").read_text(encoding="utf-8") == CLI
    assert wheelhouse.cached() == [directory.name]


def test_a_wheel_that_was_changed_is_refused_and_nothing_is_left(wheelhouse: Wheelhouse) -> None:
    with zipfile.ZipFile(wheelhouse.folder / "sidecar-1.whl", "a") as archive:
        archive.writestr("sidecar/more.py", "")
    assert wheelhouse.refusal().endswith("sidecar-1.whl is not the wheel that was packed; install the package again")
    assert wheelhouse.cached() == []


def test_what_a_killed_process_left_is_swept_later(wheelhouse: Wheelhouse) -> None:
    for name, age_s in [("old", 7200), ("new", 0)]:
        folder = wheelhouse.cache / f".unpacking-{name}"
        folder.mkdir(parents=True)
        os.utime(folder, (time.time() - age_s,) * 2)
    directory = wheelhouse.unpack()["directory"]
    assert wheelhouse.cached() == [".unpacking-new", Path(directory).name]


def test_a_directory_that_others_can_write_is_refused(wheelhouse: Wheelhouse) -> None:
    directory = Path(wheelhouse.unpack()["directory"])
    for folder in (directory, wheelhouse.cache):
        folder.chmod(0o777)
        assert f"{folder} can be written by others: chmod go-w {folder}" in wheelhouse.refusal()
        folder.chmod(0o755)
    assert wheelhouse.unpack()["unpacked"] is False


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a directory to another user")
def test_a_directory_of_another_user_is_refused(wheelhouse: Wheelhouse) -> None:
    directory = Path(wheelhouse.unpack()["directory"])
    os.chown(directory, 65_432, -1)
    assert f"{directory} belongs to user 65432, whose code would be run" in wheelhouse.refusal()


def test_a_link_in_the_place_of_the_directory_is_refused(wheelhouse: Wheelhouse) -> None:
    directory = Path(wheelhouse.unpack()["directory"])
    elsewhere = directory.rename(directory.with_name("elsewhere"))
    directory.symlink_to(elsewhere)
    assert f"{directory} is not a directory" in wheelhouse.refusal()


def test_the_cache_lies_where_the_environment_says(wheelhouse: Wheelhouse, tmp_path: Path) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    for environ, root in [
        ({"HOME": str(home)}, home / ".cache/pyrunner"),
        ({"HOME": str(home), "XDG_CACHE_HOME": str(other)}, other / "pyrunner"),
        ({"TMPDIR": str(tmp_path)}, tmp_path / f"pyrunner-{os.geteuid()}"),
        # A home in which nothing can be made, not even by root: a file.
        ({"HOME": str(SCRIPT), "TMPDIR": str(other)}, other / f"pyrunner-{os.geteuid()}"),
    ]:
        assert Path(wheelhouse.unpack(**environ)["directory"]).parent == root


def test_a_cache_that_was_named_has_no_substitute(wheelhouse: Wheelhouse) -> None:
    told = wheelhouse.refusal(PYRUNNER_CACHE_DIR=str(SCRIPT), HOME="/tmp")
    assert told.startswith(f"no place to unpack the sidecar: {SCRIPT}: ")
    assert told.endswith("; set PYRUNNER_CACHE_DIR to one")


def test_a_python_or_a_machine_without_wheels_is_told_which_there_are(wheelhouse: Wheelhouse) -> None:
    wheelhouse.write(pythons=["3.98", "3.99"], machines=["riscv64"])
    assert wheelhouse.refusal() == f"no packed wheels for {ABI} on {MACHINE}, only for cp398, cp399 on riscv64"


OLD = [one for one in harness.every_cpython() if (3, 6) <= one.version < (3, 10)]


@pytest.mark.skipif(not OLD, reason="this machine has no CPython from 3.6 to 3.9")
@pytest.mark.parametrize("old", OLD, ids=[one.minor for one in OLD])
def test_a_python_that_is_too_old_says_so(wheelhouse: Wheelhouse, old: harness.Found) -> None:
    told = wheelhouse.refusal(python=old.path)
    assert told == f"Python {old.minor} is too old, the sidecar needs 3.10 or newer"
