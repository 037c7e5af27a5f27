"""The words of both conversations, and the sizes that bound them. No code, so that both sides mean the same.

Control socket, sidecar <-> zygote: SOCK_SEQPACKET, one JSON object a packet, descriptors beside it (SCM_RIGHTS).

    sidecar -> zygote   {"policy": {...}}                       first, once
                        {"spawn": {"number": id, "scratch": name}} + [channel, stdout, stderr]
    zygote -> sidecar   {"ready": {...}} + [its own pidfd] | {"refused": [{layer, reason, fix}]}      once
                        {"spawned": id} + [pidfd] | {"failed": id, "reason": text}
                        ENDED id, END of wait status and rusage: not JSON, as the zygote must not know what they say

Channel, sidecar <-> worker: SOCK_STREAM of frames (see `frames`). The worker answers with READY or REFUSED before it
has read a byte of its call, then with exactly one terminal frame; the end of the stream without one is a crash.
Before that, VIOLATION and TALLY may come, bounded in number.
The zygote never sees a channel's bytes: what it ever held could be read in every worker that is forked from it.
"""

import struct

ENDED_MARK = b"ended"
ENDED = struct.Struct("=5sI")
# int status, then struct rusage of a 64-bit Linux (getrusage(2)): two times in s and us, the peak in KiB, 13 counters.
END = struct.Struct("=i4x5q13q")

CONTROL_MAX_BYTES = 128 * 1024

# sidecar -> worker, in this order
LIMITS = 0x10  # JSON: what this call may use, in force before the next frame is read
CODE = 0x11  # UTF-8 source text, lone surrogates let through
COMPILED = 0x13  # what a worker made of that source alone (see `compiled`): only where LIMITS says so
ARGUMENTS = 0x12  # JSON value

# worker -> sidecar
READY = 0x20  # JSON {"layers": [...], "cpu_us": n, "watched": bool}: the jail is complete
SCRATCH = 0x22  # empty, with a descriptor of the scratch directory beside it: before READY, where nobody else counts
MOUNTS = 0x26  # empty, with a descriptor of the mount namespace beside it: before READY, where the kernel gives one
VIOLATION = 0x23  # JSON {"index", "call", "argument", "line", "policy"}: a call that the jail refuses, met at first
TALLY = 0x24  # JSON {"counts": [n of the one with that index, ...], "omitted": n of those that are not sent}: so far
REFUSED = 0x21  # JSON {"layer", "reason", "fix"}: it is not, and the worker will run nothing (terminal)
RESULT = 0x30  # JSON object with an "ok" key (terminal)
FAILURE = 0x31  # JSON {"code", "type", "message", ...} (terminal)
DIAGNOSTICS = 0x32  # JSON [{"line", "column", "message", "severity"}], HINTED before them or not (terminal)
# COMPILED comes back, too (terminal): empty where the source does not compile.

# Said by a worker that compiled a tool whose entry point has type hints: a schema can be derived from them.
HINTED = "hinted"

# What a worker says of another's result: JSON with "ok" true, or false; no such JSON; more values than it may hold.
VET_OK = "ok"
VET_NOT_OK = "not_ok"
VET_FORGED = "forged"
VET_TOO_LARGE = "too_large"

# The policies that a violation can name: those of the jail that nothing changes.
NETWORK, PROCESSES, FILES = "network", "processes", "files"
POLICIES = {
    NETWORK: "Tools have no network: let the host fetch the data and pass it in args.",
    PROCESSES: "Tools cannot start or signal other processes: do the work in Python, threads are allowed.",
    FILES: "Tools see no files of the host and can write only to their private scratch directory, the current one.",
}

# Violations of one call: that many are listed, the others counted. A tally comes each time their number has doubled.
VIOLATIONS_MAX = 20
VIOLATION_FRAMES_MAX = 2 * VIOLATIONS_MAX  # one may come again
TALLIES_MAX = 40
VIOLATION_MAX_BYTES = 1024
ARGUMENT_MAX_CHARS = 200

# What a tool's error may take of a reply: a message or traceback beyond these is cut, and says so.
MESSAGE_MAX_CHARS = 16 * 1024
TRACEBACK_MAX_CHARS = 64 * 1024
# All that the sidecar parses of it, on its event loop: a forged one of many small values takes a hundred times as long.
FAILURE_MAX_BYTES = 256 * 1024

# Compiled code beyond this is compiled anew in each call.
COMPILED_MAX_BYTES = 4 * 1024 * 1024
# JSON of what type hints say: [{"schema", "description"}] or [{"problem"}].
DERIVED_MAX_BYTES = 64 * 1024

# Findings about one source text; what comes after them is left out.
DIAGNOSTICS_MAX = 100
DIAGNOSTICS_MAX_BYTES = 1024 * 1024

# Containers within containers, in results: JSON parsers of hosts give up from about 200 on.
RESULT_MAX_DEPTH = 128
