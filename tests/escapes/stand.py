"""Workers that lack some layers, and what the attacks on them are aimed at. One stand at a time; close it."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

import harness
import pytest

from sidecar.attacks.campaign import Campaign, configured
from sidecar.attacks.stage import Stage
from sidecar.errors import SandboxUnavailable
from sidecar.runner.zygote import START_FAILED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sidecar.attacks.corpus import Case
    from sidecar.attacks.judgement import Finding
    from sidecar.config import Config


class Stand:
    """One runner without the layers in `without`."""

    def __init__(self, stage: Stage, without: frozenset[str] = frozenset(), config: Config | None = None) -> None:
        config = config or configured(harness.config())
        self._runner = harness.ToolRunner(config, without)
        self._campaign = Campaign(self._runner.runner, config, stage)
        try:
            self.layers = self._runner.on_loop(self._campaign.isolation()).layers
            self._runner.on_loop(self._campaign.earlier_call())
        except BaseException:
            self.close()
            raise

    def attack(self, case: Case) -> Finding:
        """Once, and within the time that the case has."""
        started = time.monotonic()
        found = self._runner.on_loop(self._campaign.attack(case, self.layers))
        assert (time.monotonic() - started) * 1000 < case.timeout_ms + harness.MARGIN_MS
        return found

    def close(self) -> None:
        self._runner.close()


class Stands:
    """The stand that a test asks for. Another is closed before, so tests come in the order of what they leave out."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._current: Stand | None = None
        self._refusal = ""
        self._asked: tuple[frozenset[str], str] | None = None

    def without(self, layers: frozenset[str], python_path: str = sys.executable) -> Stand:
        """Skips where this machine has no jail that could do without them."""
        if self._asked != (layers, python_path):
            self.close()
            self._asked = layers, python_path
            self._open(layers, python_path)
        if self._current is None:
            pytest.skip(f"without {', '.join(sorted(layers))} there is no jail here: {self._refusal}")
        return self._current

    def close(self) -> None:
        self._asked = None
        if self._current is not None:
            self._current.close()
            self._current = None

    def _open(self, layers: frozenset[str], python_path: str) -> None:
        try:
            self._current = Stand(self._stage, layers, configured(harness.config(python_path)))
        except SandboxUnavailable as error:
            if any(one["layer"] == START_FAILED for one in error.data["missing"]):
                self._asked = None
                raise
            self._refusal = error.message


@contextlib.contextmanager
def put_up() -> Iterator[Stands]:
    """For a module's fixture."""
    with Stage() as stage, contextlib.closing(Stands(stage)) as stands:
        yield stands
