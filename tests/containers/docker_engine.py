"""A Docker engine for tests, and an image without a registry: this interpreter, its libraries and the sidecar.

An engine that answers already is used as it is; else one is started with folders and a socket of its own, and ended by
its process. Nothing of it is left.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent.parent
DESCRIBE = ROOT / "sidecar" / "worker" / "describe.py"
# Where the sidecar lies in the image, wherever it lies here.
HOME = "/opt/pyrunner"
IMAGE = "pyrunner-test:latest"
PATIENCE_S = 60.0
# Of the C library, for extension modules of packages that still name them; and the loader, which the kernel names.
_STUBS = ("rt", "pthread", "dl", "util", "m", "gcc_s", "stdc++")
_LEFT_OUT = (
    "test",
    "tests",
    "idlelib",
    "site-packages",
    "ensurepip",
    "tkinter",
    "mypy",
    "mypyc",
    "ruff",
    "hypothesis",
    "pip",
    "setuptools",
)
_OPTIONS = (
    "--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false",
    "--exec-opt=native.cgroupdriver=cgroupfs",
)  # fmt: skip


@contextlib.contextmanager
def engine() -> Iterator[tuple[str, ...]]:
    """The command that reaches an engine. LookupError, with the reason, where there is none."""
    client = shutil.which("docker", path="/usr/bin:/bin:" + os.environ.get("PATH", ""))
    if client is None:
        raise LookupError("no docker client is installed")
    if _answers((client,)):
        yield (client,)
        return
    daemon = shutil.which("dockerd", path="/usr/sbin:/usr/bin:" + os.environ.get("PATH", ""))
    if daemon is None or os.geteuid() != 0:
        raise LookupError("no Docker engine answers, and none can be started: that takes dockerd, and root")
    # A socket's path has to be short.
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder:
        socket = f"unix://{folder}/s"
        folders = (f"--data-root={folder}/data", f"--exec-root={folder}/exec", f"--pidfile={folder}/pid")
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen([daemon, *folders, f"--host={socket}", *_OPTIONS], stdout=log, stderr=log)
        command = (client, "--host", socket)
        try:
            _wait_for(command, process, Path(folder, "log"))
            yield command
        finally:
            process.terminate()
            process.wait(PATIENCE_S)
            for left in Path("/sys/fs/cgroup").glob("*/docker"):
                with contextlib.suppress(OSError):
                    left.rmdir()


def import_image(docker: tuple[str, ...]) -> None:
    """Make IMAGE of this machine's interpreter and this working tree."""
    with tempfile.TemporaryFile() as archive:
        with _Root.open(fileobj=archive, mode="w") as root:
            _write_root(root)
        archive.seek(0)
        imported = subprocess.run(
            [*docker, "import", "-", IMAGE], stdin=archive, capture_output=True, check=False, timeout=PATIENCE_S
        )
    assert imported.returncode == 0, imported.stderr.decode()


def command(docker: tuple[str, ...], *options: str, arguments: tuple[str, ...] = ()) -> tuple[str, ...]:
    """What runs the sidecar in a new container that is gone when its input ends."""
    paths = f"PYTHONPATH={HOME}:{HOME}/packages"
    started = ("run", "--rm", "-i", "--network=none", "--env", paths, *options, IMAGE)
    return (*docker, *started, _described()["executable"], "-m", "sidecar", *arguments)


def _answers(docker: tuple[str, ...]) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        return (
            subprocess.run([*docker, "version"], capture_output=True, check=False, timeout=PATIENCE_S).returncode == 0
        )
    return False


def _wait_for(docker: tuple[str, ...], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not _answers(docker):
        if process.poll() is not None or time.monotonic() > deadline:
            raise LookupError(f"dockerd does not start here: {log.read_text(errors='replace')[-500:]}")


def _described() -> dict[str, Any]:
    found = subprocess.run(
        [sys.executable, "-I", "-S", str(DESCRIBE)], capture_output=True, check=True, timeout=PATIENCE_S
    )
    described: dict[str, Any] = json.loads(found.stdout)
    return described


def _site_packages() -> str:
    return next(path for path in sys.path if path.endswith("site-packages"))


class _Root(tarfile.TarFile):
    """An archive in which the first of a name counts: an engine refuses a second."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._names: set[str] = set()

    def addfile(self, tarinfo: tarfile.TarInfo, fileobj: Any = None) -> None:
        """As the base class, once for each name."""
        if tarinfo.name not in self._names:
            self._names.add(tarinfo.name)
            super().addfile(tarinfo, fileobj)


def _write_root(archive: tarfile.TarFile) -> None:
    described = _described()
    for path, target in described["links"].items():
        link = tarfile.TarInfo(path.lstrip("/"))
        link.type, link.linkname = tarfile.SYMTYPE, target
        archive.addfile(link)
    executable, libraries = described["executable"], described["files"]
    shown = [*described["directories"], executable, *libraries]
    shown += [*described["links"], "/usr/lib64/loader"]
    links = {Path(path).parts[1] for path in described["links"] if path.count("/") == 1}
    # Whatever their modes here: another user has to get through.
    for folder in sorted({parent for path in shown for parent in Path(path).parents}):
        if folder.name and folder.parts[1] not in links:
            _add_folder(archive, str(folder), 0o755)
    c_library = next(Path(path).parent for path in libraries if Path(path).name.startswith("libc."))
    for name in ("/usr/lib64/ld-linux*", "/usr/lib/ld-linux*", *(f"{c_library}/lib{name}.so*" for name in _STUBS)):
        for path in Path("/").glob(name.lstrip("/")):
            archive.add(path)
    for path in (*described["files"], described["executable"]):
        archive.add(path, recursive=True, filter=_readable)
    for name in (str(Path(HOME).parent), HOME):
        _add_folder(archive, name, 0o755)
    archive.add(ROOT / "sidecar", f"{HOME}/sidecar", filter=_readable)
    archive.add(_site_packages(), f"{HOME}/packages", filter=_without_ballast)
    for path in described["directories"]:
        archive.add(path, filter=_without_ballast)
    for name in ("tmp", "etc", "proc", "sys", "dev"):
        _add_folder(archive, name, 0o1777 if name == "tmp" else 0o755)


def _add_folder(archive: tarfile.TarFile, path: str, mode: int) -> None:
    folder = tarfile.TarInfo(path.lstrip("/"))
    folder.type, folder.mode = tarfile.DIRTYPE, mode
    archive.addfile(folder)


def _without_ballast(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    name = member.name.rpartition("/")[2]
    return None if name in _LEFT_OUT else _readable(member)


def _readable(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mode |= 0o555 if member.isdir() else 0o444
    return member
