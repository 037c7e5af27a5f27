"""Runs tools in jailed workers. `Runner` is the whole of what the rest of the sidecar knows of it."""

from __future__ import annotations

from sidecar.runner.dispatch import Runner

__all__ = ["Runner"]
