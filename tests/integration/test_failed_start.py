"""A sidecar that cannot start says why and ends: it does not leave its host waiting, and does not outlive it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from load import works
from processes import Watch
from sidecar_process import Sidecar

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("module", ["pydantic", "pygls", "jsonschema"])
def test_a_dependency_that_cannot_be_imported_is_named_and_ends_the_sidecar(module: str, tmp_path: Path) -> None:
    (tmp_path / f"{module}.py").write_text(f"raise ImportError('there is no {module} here')\n", encoding="utf-8")
    with Sidecar({"PYTHONPATH": str(tmp_path)}, cwd=tmp_path) as broken, Watch([broken.pid]) as watch:
        try:
            assert watch.survivors(5) == []
            assert broken.wait() != 0
            assert f"there is no {module} here" in broken.stderr()
        finally:
            broken.kill()
    with Sidecar() as sound:
        assert works(sound)
