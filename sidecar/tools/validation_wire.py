"""The words between `validation_pool` and a helper process; apart, since only the helper needs python-jsonschema.

Request: two lengths (big-endian, 4 bytes each), the schema's text, the arguments' text; no arguments (length 0) asks
whether the schema itself is one. Reply: a length and JSON with one member, `errors`, `problem` or `failure`.
"""

from __future__ import annotations

import struct

REQUEST = struct.Struct("!II")
REPLY = struct.Struct("!I")
