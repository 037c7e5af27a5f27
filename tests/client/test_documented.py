"""The Python in README.md and docs/install.md runs, and what it asserts holds."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from harness import PATIENCE_S

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
PROGRAMS = [
    program
    for document in ("README.md", "docs/install.md")
    for program in BLOCK.findall((ROOT / document).read_text(encoding="utf-8"))
]


def test_there_are_some() -> None:
    assert len(PROGRAMS) == 3


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_runs_and_leaves_nothing_to_say(program: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
