"""What a tool finds in its interpreter: its own streams, no modules of ours, nothing of another run.

Done once in the zygote as far as it can be, so that each worker is born with it. No protection: the jail is.
"""

import _sitebuiltins
import builtins
import os
import random
import sys
import threading
import types

from . import capture, compatibility
from .jail import libc

# Python asks glibc for RLIMIT_STACK otherwise (8 MiB), which counts against the memory limit thread by thread.
THREAD_STACK_BYTES = 2 * 1024 * 1024


def become_plain(package: str) -> None:
    """Make this process look like an interpreter that nothing has run in; `package` is the name of ours."""
    _install_streams()
    libc.unbuffer_stdout()
    threading.stack_size(THREAD_STACK_BYTES)
    compatibility.install()
    # What site.py would have made, which -S leaves out.
    for name in ("exit", "quit"):
        setattr(builtins, name, _sitebuiltins.Quitter(name, "Ctrl-D (i.e. EOF)"))
    builtins.help = _sitebuiltins._Helper()  # noqa: SLF001 - as site.py does
    for name in [name for name in sys.modules if name == package or name.startswith(package + ".")]:
        del sys.modules[name]
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.argv = [""]
    if hasattr(sys, "orig_argv"):
        sys.orig_argv = [""]  # novm: guarded


def become_itself() -> None:
    """In a worker: what a fork leaves as its zygote's."""
    random.seed()  # which os.fork would have done: see `libc.fork`
    # As a tool sees it, the main thread still has the number that the zygote had on the host.
    getattr(threading.main_thread(), "_set_native_id", int)()


def _install_streams() -> None:
    """Make the streams over pipes, as a worker's will be: a file object asks only once whether it can seek."""
    reader, writer = os.pipe()
    for descriptor in (1, 2):
        os.dup2(writer, descriptor)
    capture.install()
    for descriptor in (1, 2):
        os.dup2(0, descriptor)  # /dev/null
    os.close(reader)
    os.close(writer)
