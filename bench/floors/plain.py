"""Plain CPython, kept running and shared: each line of JSON is a call; with its result comes where its time went."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

for line in sys.stdin:
    before_s = time.perf_counter()
    call = json.loads(line)
    loaded_s = time.perf_counter()
    scope: dict[str, Any] = {}
    exec(call["code"], scope)
    result = scope["run"](call["args"])
    ran_s = time.perf_counter()
    text = json.dumps(result)
    dumped_s = time.perf_counter()
    json_ms = (loaded_s - before_s + dumped_s - ran_s) * 1000
    print(f'{{"jsonMs": {json_ms}, "result": {text}}}', flush=True)
