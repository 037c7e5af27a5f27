"""Runs untrusted Python tools for a host that speaks JSON-RPC: one fresh, jailed process for each call."""

from __future__ import annotations

__version__ = "0.1.0"
