"""What stands before the attacks marked "(frames)": words of the wire, put on the worker's channel by hand.

Tool code, for Python 3.7 and newer. A frame is a kind, the length of what follows as 32 bits, and that.
"""

import os
import time

RESULT, FAILURE = b"\x30", b"\x31"


def frame(kind, payload):
    """One frame whole."""
    return kind + len(payload).to_bytes(4, "big") + payload


def forged(data, wait=True):
    """Put it on the channel; then wait to be ended, unless more is to come."""
    while data:
        data = data[os.write(3, data) :]
    if wait:
        time.sleep(5)
        return "escaped: the sidecar did not mind"
    return None
