"""What python-shell runs: one call as a line of JSON, its result as another."""

from __future__ import annotations

import json
import sys
from typing import Any

call = json.loads(sys.stdin.readline())
scope: dict[str, Any] = {}
exec(call["code"], scope)
print(json.dumps(scope["run"](call["args"])))
