"""Code that runs inside a foreign interpreter (CPython 3.7 or newer), standard library only.

Started by path, never installed there; `wire` and `frames` are all that the sidecar shares with it.
"""
