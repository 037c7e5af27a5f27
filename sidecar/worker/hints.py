"""What to do about an exception, where there is something: one sentence for the person or model that wrote the tool.

Explanation only. Nothing here prevents anything; the jail has already answered when a hint is made.
"""

import errno
import os
import sys
from types import TracebackType
from typing import Any, Optional, Set

_NETWORK_MODULES = {
    "socket",
    "ssl",
    "http.client",
    "urllib.request",
    "ftplib",
    "smtplib",
    "imaplib",
    "poplib",
    "telnetlib",
}
_PROCESS_MODULES = {
    "subprocess",
    "multiprocessing.popen_fork",
    "multiprocessing.popen_spawn_posix",
    "multiprocessing.synchronize",
    "multiprocessing.util",
    "pty",
}
_PROCESS_CALLS = {
    "fork",
    "vfork",
    "forkpty",
    "system",
    "popen",
    "posix_spawn",
    "posix_spawnp",
    "execv",
    "execve",
    "spawnv",
    "spawnve",
}
_REFUSED = {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EROFS}
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

NETWORK = "Tools have no network: let the host fetch the data and pass it in args."
PROCESSES = "Tools cannot start or signal other processes: do the work in Python, threads are allowed."
FILES = "Tools see no files of the host and can write only to their private scratch directory, the current directory."


def hint(error: BaseException, trace: Optional[TracebackType], arguments: Any) -> Optional[str]:
    """The sentence for this exception, or None."""
    if isinstance(error, ModuleNotFoundError):
        return _module_hint(error)
    if isinstance(error, SystemExit):
        return "Return a result from run instead of ending the process."
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return "Raise maxMemoryMB, or work on less at a time."
    if isinstance(error, RecursionError):
        return "The tool calls itself too deeply: use a loop, or raise sys.setrecursionlimit a little."
    if isinstance(error, OSError):
        return _os_error_hint(error, trace)
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return "The tool reached its limit of threads or of memory: start fewer."
    if isinstance(error, KeyError):
        return _key_hint(error, arguments)
    if isinstance(error, TypeError) and ("run()" in str(error) or "default()" in str(error)):
        return "The entry point is called with one argument: def run(args)."
    return None


def _module_hint(error: ModuleNotFoundError) -> Optional[str]:
    name = (error.name or "").split(".")[0]
    known: Set[str] = set(getattr(sys, "stdlib_module_names", ())) | set(sys.builtin_module_names)  # 3.10 and newer
    # Loaded: what is missing is a part of it.
    if not name or name in known or name in sys.modules:
        return None
    return "%s is not part of Python's standard library; tools can import nothing else." % name


def _os_error_hint(error: OSError, trace: Optional[TracebackType]) -> Optional[str]:
    modules: Set[str] = set()
    calls: Set[str] = set()
    while trace is not None:
        modules.add(str(trace.tb_frame.f_globals.get("__name__")))
        calls.update(trace.tb_frame.f_code.co_names if trace.tb_next is None else ())
        trace = trace.tb_next
    if error.errno in _NO_SPACE:
        return "The scratch directory is full (bytes or number of files): write less, or delete what is done with."
    if error.errno == errno.EMFILE:
        return "The tool holds its limit of open files: close some (use `with open(...)`)."
    if modules & _NETWORK_MODULES or type(error).__name__ in ("gaierror", "herror", "URLError", "timeout"):
        return NETWORK
    # Semaphores between processes live in /dev/shm, which is not there: ENOENT.
    if "multiprocessing.synchronize" in modules and error.errno == errno.ENOENT:
        return PROCESSES
    if error.errno in _REFUSED and (modules & _PROCESS_MODULES or calls & _PROCESS_CALLS):
        return PROCESSES
    if error.errno in _REFUSED and calls & {"kill", "killpg", "pidfd_open"}:
        return PROCESSES
    if isinstance(error.filename, (str, bytes)) and error.errno in _REFUSED | {errno.ENOENT}:
        path = os.fsdecode(error.filename)
        return FILES if os.path.isabs(path) and not path.startswith(os.getcwd()) else None
    return None


def _key_hint(error: KeyError, arguments: Any) -> Optional[str]:
    key = error.args[0] if error.args else None
    if not isinstance(key, str) or not isinstance(arguments, dict) or key in arguments:
        return None
    given = ", ".join(sorted(repr(name) for name in list(arguments)[:20])) or "none"
    return "args has no %r (given: %s): pass it, or read it with args.get(%r)." % (key[:100], given[:500], key[:100])
