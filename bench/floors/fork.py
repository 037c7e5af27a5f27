"""The floor of a process for each call: fork, `_exit` and wait of an interpreter that holds what the zygote holds.

Each line of its input, a number of seconds, is answered with how many a second that were, and their times.
"""

import gc
import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from sidecar.worker import zygote

for _name in zygote._PRELOADED:  # noqa: SLF001 - whatever the zygote loads, this one does
    __import__(_name)
gc.collect()
gc.freeze()

for line in sys.stdin:
    times_ms: list[float] = []
    started = time.perf_counter()
    while (before := time.perf_counter()) - started < float(line):
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        times_ms.append((time.perf_counter() - before) * 1000)
    elapsed_s = before - started
    print(json.dumps({"perSecond": len(times_ms) / elapsed_s, "timesMs": times_ms}), flush=True)
