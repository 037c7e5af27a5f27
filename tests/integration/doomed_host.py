"""A host that owns a sidecar with eight calls in flight, says so on its stdout, and does nothing until it is killed."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from load import IN_FLIGHT, LOAD, start_load
from sidecar_process import Sidecar

sidecar = Sidecar(LOAD)
start_load(sidecar)
print(sidecar.pid, IN_FLIGHT, flush=True)  # noqa: T201 - for the test that reads it
signal.pause()
