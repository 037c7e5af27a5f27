"""The host's side of the sidecar: bytes to frames, frames to requests, requests to handlers, and back.

Nothing is imported here: `stdio` must be usable before the half second that importing pygls takes.
"""
