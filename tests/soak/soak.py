"""An hour at 70 % load (SOAK_SECONDS): rate, slowest calls, memory and descriptors every ten seconds, then a plot.

Exits with 1 where a reply is wrong or missing, or where the sidecar holds more at the end than it did at the start.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from footprint import Footprint
from processes import resident_kb
from sidecar_process import Sidecar
from soak_load import Load
from soak_plot import plot

if TYPE_CHECKING:
    from typing_extensions import Self

SECONDS = float(os.environ.get("SOAK_SECONDS") or 3600)
SEED = int(os.environ.get("SOAK_SEED") or 1)
SHARE = 0.7
INTERVAL_S = 10.0
WARM_UP_S = 5.0
STANDBY = 4


@dataclass(frozen=True)
class Sample:
    """One interval."""

    rate: float
    p50_ms: float
    p99_ms: float
    sidecar_mb: float
    zygote_mb: float
    descriptors: int
    waiting: int

    @classmethod
    def take(cls, sidecar: Sidecar, load: Load, seconds: float) -> Self:
        """Of what `load` has measured since the last one."""
        latencies, load.latencies_ms = sorted(load.latencies_ms), []
        (zygote,) = sidecar.zygotes()
        return cls(
            rate=len(latencies) / seconds,
            p50_ms=latencies[len(latencies) // 2] if latencies else 0.0,
            p99_ms=latencies[len(latencies) * 99 // 100] if latencies else 0.0,
            sidecar_mb=resident_kb(sidecar.pid) / 1024,
            zygote_mb=resident_kb(zygote.pid) / 1024,
            descriptors=len(os.listdir(f"/proc/{sidecar.pid}/fd")),  # noqa: PTH208 - only their number
            waiting=load.waiting,
        )

    def line(self, elapsed_s: float) -> str:
        """As a line of the report."""
        return (
            f"{elapsed_s:6.0f} s  {self.rate:6.1f}/s  p50 {self.p50_ms:6.1f} ms  p99 {self.p99_ms:7.1f} ms  "
            f"sidecar {self.sidecar_mb:6.1f} MB  zygote {self.zygote_mb:5.1f} MB  "
            f"descriptors {self.descriptors:3}  waiting {self.waiting:3}"
        )


def soak(sidecar: Sidecar, load: Load, rate: float) -> list[Sample]:
    """Run the load, printing as it goes."""
    samples = []
    started = time.monotonic()
    while (elapsed := time.monotonic() - started) < SECONDS:
        interval = min(INTERVAL_S, SECONDS - elapsed)
        load.run(rate, interval)
        samples.append(Sample.take(sidecar, load, interval))
        _say(samples[-1].line(time.monotonic() - started))
    load.drain()
    return samples


def main() -> int:
    """Measure what the machine can do, take 70 % of it, and compare the footprints."""
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        environ = {
            "PYRUNNER_MAX_CONCURRENCY": str(2 * cores),
            "PYRUNNER_STANDBY_WORKERS": str(STANDBY),
            "TMPDIR": folder,
            "HOME": folder,
        }
        with Sidecar(environ, cwd=Path(folder)) as sidecar:
            load = Load(sidecar, SEED)
            load.register()
            load.capacity(2 * cores, WARM_UP_S)
            capacity = load.capacity(2 * cores, WARM_UP_S)
            before = Footprint.of(sidecar, Path(folder), STANDBY)
            load.latencies_ms.clear()
            _say(f"SOAK_SECONDS={SECONDS:.0f} SOAK_SEED={SEED}: {SHARE:.0%} of {capacity:.0f} calls a second")
            samples = soak(sidecar, load, SHARE * capacity)
            after = Footprint.of(sidecar, Path(folder), STANDBY)
    series = {
        "calls/s": [one.rate for one in samples],
        "p99 ms": [one.p99_ms for one in samples],
        "sidecar MB": [one.sidecar_mb for one in samples],
        "zygote MB": [one.zygote_mb for one in samples],
        "descriptors": [float(one.descriptors) for one in samples],
    }
    _say("\n" + plot(series))
    try:
        after.assert_not_above(before, slack_descriptors=STANDBY)
    except AssertionError as error:
        _say(f"\nmore is held than before: {before} -> {after}\n{error}")
        return 1
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
