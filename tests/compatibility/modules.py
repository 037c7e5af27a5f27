"""Which of CPython's test modules are compared, with which interpreter: `modules.txt`, read."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

from harness import PATIENCE_S, Found, supported

_FILE = Path(__file__).with_name("modules.txt")
# 3.7 runs tools too; what is promised of the standard library begins here.
_OLDEST = (3, 8)
_ASK = "import sysconfig; print(sysconfig.get_path('stdlib'))"

EVERY, NEWEST, ON_REQUEST = "every interpreter", "the newest interpreter", "on request"


def interpreters() -> tuple[Found, ...]:
    """Those that the promise is about, oldest first."""
    return tuple(found for found in supported() if found.version >= _OLDEST)


def of(found: Found, sections: tuple[str, ...]) -> list[str]:
    """The modules of these sections that `found` has."""
    folder = _folder(found)
    return [module for section in sections for pattern in _read()[section] for module in _matching(folder, pattern)]


@functools.cache
def _read() -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    names: list[str] = []
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            names = sections.setdefault(line.strip("[]"), [])
        elif not line.startswith("#"):
            names += line.split()
    return sections


@functools.cache
def _folder(found: Found) -> Path:
    asked = subprocess.run(
        [found.path, "-I", "-c", _ASK], capture_output=True, text=True, check=True, timeout=PATIENCE_S
    )
    return Path(asked.stdout.strip(), "test")


def _matching(folder: Path, pattern: str) -> list[str]:
    """`pattern` where there is such a module or package; "asyncio.test_*" is each module of that package."""
    package, dot, module = pattern.partition(".")
    if dot:
        return sorted(f"{package}.{path.stem}" for path in folder.glob(f"test_{package}/{module}.py"))
    return [pattern] if (folder / f"test_{pattern}.py").is_file() or (folder / f"test_{pattern}").is_dir() else []
