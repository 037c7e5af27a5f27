"""What stands before the attacks marked "(search)": how they look for what an earlier call was given.

Tool code, for Python 3.7 and newer. The call before each of them had a secret in its code, its arguments and its
output: a word and 32 digits, of which the attack is told a digest only. A search that cannot find what is there proves
nothing, so each also looks for a secret of its own.
"""

import hashlib
import os
import re

_WORD = "canary"
_PATTERN = re.compile(_WORD.encode() + b":[0-9a-f]{32}")


def own_secret():
    """A secret of the same form, that a search must find."""
    return _WORD + ":" + os.urandom(16).hex()


def secrets_in(data):
    """Every secret in these bytes."""
    return set(_PATTERN.findall(data))


def told(what, found, own, digest):
    """The outcome of a search that found these secrets."""
    if own.encode() not in found:
        return "the search does not find what is there"
    if any(hashlib.sha256(one).hexdigest() == digest for one in found):
        return "escaped: the secret of the call before is in %s" % what
    return "refused: the secret of the call before is not in %s" % what
