"""Make the sidecar runnable by this Python: unpack the wheels beside this file into a cache directory, once.

Started by the Node package as `python -I -S -B unpack.py [--force]` with each candidate in turn. Prints
`{"directory", "python", "unpacked"}` as JSON, where `python DIRECTORY` is the sidecar; or one line on stderr that says
why it cannot be had with this Python, and ends with status 1. Standard library only; needs no pip and no network.

Invariant: a directory that is there is whole, and only this user (or root, who may have prepared it) could have written
to it. It is made beside its place, from wheels whose SHA-256 is the manifest's, and renamed: of two processes that do
so at once, one is first, and both use what it made.
"""

import sys

if sys.version_info < (3, 10):
    sys.exit("Python %d.%d is too old, the sidecar needs 3.10 or newer" % sys.version_info[:2])

import compileall
import contextlib
import hashlib
import json
import os
import platform
import shutil
import stat
import tempfile
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

WHEELHOUSE = Path(__file__).resolve().parent
UNPACKING = ".unpacking-"
# What a process that was killed left behind; none takes that long.
STALE_S = 3600.0
MAIN = """# `python DIRECTORY` runs this.
import sys

from sidecar.cli import main

sys.exit(main())
"""


class CannotUnpackError(Exception):
    """The sidecar cannot be had with this Python, or here; the text says why."""


def main(arguments: list[str]) -> int:
    """Print where the sidecar is, and return the exit status."""
    os.umask(0o022)  # readable by all, as any program; writable by its owner alone
    try:
        answer = provide(WHEELHOUSE, cache_roots(os.environ), force="--force" in arguments)
    except CannotUnpackError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps({**answer, "python": platform.python_version()}) + "\n")
    return 0


def cache_roots(environ: Mapping[str, str]) -> list[Path]:
    """Where the cache may lie, best first. One that was named is the only one."""
    if environ.get("PYRUNNER_CACHE_DIR"):
        return [Path(environ["PYRUNNER_CACHE_DIR"]).resolve()]
    # A container's user often has no home that can be written. Of this name there, a link would be somebody else's.
    temporary = Path(environ.get("TMPDIR") or "/tmp").resolve() / f"pyrunner-{os.geteuid()}"  # noqa: S108 - checked
    home = environ.get("HOME", "")
    cache = environ.get("XDG_CACHE_HOME") or (home and f"{home}/.cache")
    return [(Path(cache) / "pyrunner").resolve(), temporary] if cache.startswith("/") else [temporary]


def provide(wheelhouse: Path, roots: list[Path], *, force: bool = False) -> dict[str, Any]:
    """Return the directory under the first usable root, unpacked now if need be, or raise `CannotUnpackError`."""
    text = (wheelhouse / "manifest.json").read_bytes()
    manifest = json.loads(text)
    wheels = choose(manifest, abi(), machine())
    name = f"{manifest['version']}-{hashlib.sha256(text).hexdigest()[:16]}-{abi()}-{machine()}"
    refusals = []
    for root in roots:
        try:
            return at(root / name, wheelhouse, wheels, force=force)
        except OSError as error:
            refusals.append(f"{root}: {error.strerror or error}")
    raise CannotUnpackError(f"no place to unpack the sidecar: {'; '.join(refusals)}; set PYRUNNER_CACHE_DIR to one")


def abi() -> str:
    """As in "cp312", or "cp313t" for a build with free threads, which has wheels of its own."""
    if platform.python_implementation() != "CPython":
        raise CannotUnpackError(f"{platform.python_implementation()} cannot run the sidecar, CPython can")
    return f"cp{sys.version_info[0]}{sys.version_info[1]}{sys.abiflags}"


def machine() -> str:
    """As in "x86_64". The wheels are for Linux with glibc (manylinux), whatever its age."""
    try:
        libc = os.confstr("CS_GNU_LIBC_VERSION") if sys.platform == "linux" else None
    except ValueError:
        libc = None
    if libc is None or sys.maxsize < 2**32:
        raise CannotUnpackError("the packed wheels are for 64-bit Linux with glibc, which this is not")
    return platform.machine()


def choose(manifest: dict[str, Any], python: str, processor: str) -> list[dict[str, str]]:
    """The wheels for this Python on this machine."""
    pythons = [f"cp{version.replace('.', '')}" for version in manifest["pythons"]]
    if python not in pythons or processor not in manifest["machines"]:
        offered = f"{', '.join(pythons)} on {' and '.join(manifest['machines'])}"
        raise CannotUnpackError(f"no packed wheels for {python} on {processor}, only for {offered}")
    return [
        wheel
        for wheel in manifest["wheels"]
        if wheel["python"] in (None, python) and wheel["machine"] in (None, processor)
    ]


def at(target: Path, wheelhouse: Path, wheels: list[dict[str, str]], *, force: bool) -> dict[str, Any]:
    """Return `target`, whole and ours."""
    is_there = target.exists()
    if is_there and not force:
        check_owner(target.parent, target)
        return {"directory": str(target), "unpacked": False}
    target.parent.mkdir(parents=True, exist_ok=True)
    check_owner(target.parent)
    sweep(target.parent)
    fresh = Path(tempfile.mkdtemp(prefix=UNPACKING, dir=target.parent))
    try:
        fill(fresh, wheelhouse, wheels, target)
        if is_there:
            target.rename(fresh.with_name(fresh.name + "-old"))  # a sidecar that runs from it has imported it already
        try:
            fresh.rename(target)
        except OSError:
            if not target.is_dir():
                raise
            check_owner(target)  # another process was first
    finally:
        for folder in (fresh, fresh.with_name(fresh.name + "-old")):
            shutil.rmtree(folder, ignore_errors=True)
    return {"directory": str(target), "unpacked": True}


def check_owner(*folders: Path) -> None:
    """Refuse a directory into which somebody else could put code that we would run."""
    for folder in folders:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise NotADirectoryError(f"{folder} is not a directory")
        if found.st_uid not in (os.geteuid(), 0):
            raise PermissionError(f"{folder} belongs to user {found.st_uid}, whose code would be run")
        if found.st_mode & 0o022:
            raise PermissionError(f"{folder} can be written by others: chmod go-w {folder}")


def sweep(root: Path) -> None:
    """Remove what was left by processes that were killed while they unpacked."""
    for folder in root.glob(UNPACKING + "*"):
        with contextlib.suppress(OSError):  # somebody else sweeps at the same time
            if folder.lstat().st_mtime < time.time() - STALE_S:
                shutil.rmtree(folder)


def fill(folder: Path, wheelhouse: Path, wheels: list[dict[str, str]], target: Path) -> None:
    """Unpack the wheels, and compile them for this Python, since the directory may never be writable again."""
    for wheel in wheels:
        file = wheelhouse / wheel["file"]
        with file.open("rb") as data:
            if hashlib.sha256(data.read()).hexdigest() != wheel["sha256"]:
                raise CannotUnpackError(f"{file} is not the wheel that was packed; install the package again")
            with zipfile.ZipFile(data) as archive:
                archive.extractall(folder)
    (folder / "__main__.py").write_text(MAIN, encoding="utf-8")
    compileall.compile_dir(folder, quiet=2, stripdir=str(folder), prependdir=str(target))
    folder.chmod(0o755)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
