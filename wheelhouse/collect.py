"""Fill the Node package's wheelhouse: the sidecar as a wheel, and wheels of what it needs, for each Python and machine.

Run by `make wheelhouse`, which `npm pack` calls. Invariant: the manifest lists every wheel with its SHA-256, and what
it lists is complete for each of `PYTHONS` on each of `MACHINES`: a wheel that cannot be had is an error, not a gap.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypedDict

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "ts-client"
# What CPython still maintains, from the sidecar's floor on.
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
MACHINES = ("x86_64", "aarch64")
# Needed by cattrs below Python 3.11. pip evaluates that condition for the Python that it runs in, not for the target.
CONDITIONAL = ("exceptiongroup>=1.1.1",)
# {name}-{version}-{python tag}-{abi tag}-{platform tag}.whl (PyPA's binary distribution format)
_NAME = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+)-(?P<python>[^-]+)-(?P<abi>[^-]+)-(?P<platform>[^-]+)\.whl")


class Wheel(TypedDict):
    """One line of the manifest; `python` and `machine` are None where any will do."""

    file: str
    sha256: str
    python: str | None
    machine: str | None


def main() -> None:
    """Make the wheelhouse anew, and put it in the place of the one that was there."""
    with tempfile.TemporaryDirectory(dir=PACKAGE, prefix=".wheelhouse-") as folder:
        fresh = Path(folder) / "wheelhouse"
        fresh.mkdir()
        pip("wheel", "--no-deps", "--wheel-dir", fresh, ROOT)
        (ours,) = fresh.glob("pyrunner_sidecar-*.whl")
        with ThreadPoolExecutor() as threads:
            for found in threads.map(lambda python: fetch(Path(folder) / python, python, ours), PYTHONS):
                for wheel in found:
                    wheel.replace(fresh / wheel.name)  # the same file, where it is for every Python
        wheels = [describe(file) for file in sorted(fresh.glob("*.whl"))]
        manifest = {"version": ours.name.split("-")[1], "pythons": PYTHONS, "machines": MACHINES, "wheels": wheels}
        (fresh / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        shutil.copy(ROOT / "wheelhouse" / "unpack.py", fresh)
        target = PACKAGE / "wheelhouse"
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    shutil.copy(ROOT / "LICENSE", PACKAGE)
    size = sum(file.stat().st_size for file in target.iterdir())
    sys.stderr.write(f"{len(wheels)} wheels, {size / 2**20:.1f} MiB, in {target.relative_to(ROOT)}\n")


def fetch(folder: Path, python: str, ours: Path) -> list[Path]:
    """The wheels of what `ours` needs, for that Python on every machine."""
    first, *others = MACHINES
    download(folder, python, first, ours, *CONDITIONAL)
    exact = [f"{name}=={version}" for name, version in binaries(folder, python)]
    for machine in others:
        download(folder, python, machine, "--no-deps", *exact)
    return list(folder.iterdir())


def download(folder: Path, python: str, machine: str, *what: str | Path) -> None:
    """Have pip choose wheels for another Python and machine: the oldest glibc that any of them asks for, and newer."""
    platforms = [f"--platform=manylinux_2_17_{machine}", f"--platform=manylinux2014_{machine}"]
    target = [f"--python-version={python}", "--implementation=cp", *platforms, "--only-binary=:all:"]
    pip("download", "--dest", folder, *target, *what)


def pip(*arguments: str | Path) -> None:
    """Run this Python's pip; its own words say what went wrong."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *map(str, arguments)]
    ended = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603 - our own arguments
    if ended.returncode:
        sys.exit(f"{ended.stderr}\nThe wheelhouse cannot be made: pip {' '.join(map(str, arguments))}")


def binaries(folder: Path, python: str) -> list[tuple[str, str]]:
    """The distributions, with their versions, that come as one wheel for each Python and machine."""
    wheels = [_NAME.fullmatch(file.name) for file in folder.glob("*.whl")]
    return [(wheel["name"], wheel["version"]) for wheel in wheels if wheel and wheel["python"] == tag(python)]


def tag(python: str) -> str:
    """As in "cp310"."""
    return "cp" + python.replace(".", "")


def describe(file: Path) -> Wheel:
    """The manifest's line about a wheel. Refuses one that cannot be installed by unpacking it."""
    wheel = _NAME.fullmatch(file.name)
    if wheel is None:
        sys.exit(f"{file.name} is not named as a wheel")
    if any(".data/" in name for name in zipfile.ZipFile(file).namelist()):
        sys.exit(f"{file.name} has files for other places than site-packages; unpack.py does not know them")
    machines = [machine for machine in MACHINES if wheel["platform"].endswith(machine)]
    is_pure = wheel["platform"] == "any"
    return {
        "file": file.name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "python": None if is_pure else wheel["python"],
        "machine": None if is_pure else machines[0],
    }


if __name__ == "__main__":
    main()
