"""What to do about an exception, where there is something: one sentence for the person or model that wrote the tool.

Explanation only. Nothing here prevents anything; the jail has already answered when a hint is made.
"""

import errno
import os
import sys
from types import TracebackType
from typing import Any, NamedTuple, Optional, Sequence, Set

from .wire import ARGUMENT_MAX_CHARS, FILES, NETWORK, POLICIES, PROCESSES

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


class Denial(NamedTuple):
    """A call that the jail has refused: what it was, where in the tool's text, and by which of `wire.POLICIES`."""

    call: str
    argument: str
    line: Optional[int]
    policy: str

    def sentence(self, line: Optional[int]) -> str:
        """What happened and what to do, for a person."""
        place = " at line %d" % line if line is not None else ""
        policy = POLICIES[self.policy]
        return "%s(%s)%s: %s" % (self.call, self.argument, place, policy[0].lower() + policy[1:])


def hint(
    error: BaseException,
    trace: Optional[TracebackType],
    arguments: Any,
    *,
    line: Optional[int] = None,
    denials: Sequence[Denial] = (),
) -> Optional[str]:
    """The sentence for this exception, or None. `line` is where the tool met it, `denials` what it was refused last."""
    general = _general_hint(error, trace, arguments)
    for denial in reversed(denials):
        if denial.line in (line, None) and _is_of(error, general, denial):
            return denial.sentence(line)
    return general


def shown(argument: str) -> str:
    """One line of printable text, cut, as a denial has it."""
    if len(argument) <= ARGUMENT_MAX_CHARS and argument.isprintable():
        return argument
    text = "".join(one if one.isprintable() else repr(one)[1:-1] for one in argument[: ARGUMENT_MAX_CHARS + 1])
    return text if len(text) <= ARGUMENT_MAX_CHARS else text[: ARGUMENT_MAX_CHARS - 1] + "…"


def _is_of(error: BaseException, general: Optional[str], denial: Denial) -> bool:
    """Whether this refusal is what the exception speaks of."""
    if denial.call == "sqlite3.connect":
        return type(error).__name__ == "OperationalError" and "unable to open" in str(error)
    if not isinstance(error, OSError):
        return False
    named = [shown(os.path.abspath(os.fsdecode(n))) for n in (error.filename, error.filename2) if _is_path(n)]
    if denial.policy == FILES and named:
        return denial.argument in named
    # Some calls name no path: what they do not find is what the jail does not show.
    is_unnamed_loss = not named and error.errno == errno.ENOENT
    return error.errno in _REFUSED or is_unnamed_loss or general == POLICIES[denial.policy]


def _is_path(name: Any) -> bool:
    return isinstance(name, (str, bytes))


def _general_hint(error: BaseException, trace: Optional[TracebackType], arguments: Any) -> Optional[str]:
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
        return "The tool reached its limit of threads (PYRUNNER_MAX_THREADS) or of memory (maxMemoryMB): start fewer."
    if isinstance(error, KeyError):
        return _key_hint(error, arguments)
    if isinstance(error, TypeError) and ("run()" in str(error) or "default()" in str(error)):
        return "The entry point takes one argument, def run(args), or keyword-only ones: def run(*, text, limit=10)."
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
        return _no_space_hint()
    if error.errno == errno.EMFILE:
        return "The tool holds its limit of open files (PYRUNNER_MAX_OPEN_FILES): close some (use `with open(...)`)."
    if modules & _NETWORK_MODULES or type(error).__name__ in ("gaierror", "herror", "URLError", "timeout"):
        return POLICIES[NETWORK]
    # Semaphores between processes live in /dev/shm, which is not there: ENOENT.
    if "multiprocessing.synchronize" in modules and error.errno == errno.ENOENT:
        return POLICIES[PROCESSES]
    if error.errno in _REFUSED and (modules & _PROCESS_MODULES or calls & _PROCESS_CALLS):
        return POLICIES[PROCESSES]
    if error.errno in _REFUSED and calls & {"kill", "killpg", "pidfd_open"}:
        return POLICIES[PROCESSES]
    if isinstance(error.filename, (str, bytes)) and error.errno in _REFUSED | {errno.ENOENT}:
        path = os.fsdecode(error.filename)
        return POLICIES[FILES] if os.path.isabs(path) and not path.startswith(os.getcwd()) else None
    return None


def _no_space_hint() -> str:
    try:
        about = os.statvfs(os.curdir)
        has_too_many_files = about.f_favail == 0 < about.f_bavail
    except OSError:
        has_too_many_files = False
    what = "of files (PYRUNNER_SCRATCH_MAX_INODES)" if has_too_many_files else "of bytes (PYRUNNER_SCRATCH_MAX_BYTES)"
    return "The scratch directory is full %s: write less, or delete what is done with." % what


def _key_hint(error: KeyError, arguments: Any) -> Optional[str]:
    key = error.args[0] if error.args else None
    if not isinstance(key, str) or not isinstance(arguments, dict) or key in arguments:
        return None
    given = ", ".join(sorted(repr(name) for name in list(arguments)[:20])) or "none"
    return "args has no %r (given: %s): pass it, or read it with args.get(%r)." % (key[:100], given[:500], key[:100])
