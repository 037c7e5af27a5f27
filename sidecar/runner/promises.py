"""What a call is promised, which layers can hold each promise, and the tools that try to break it, as data.

Invariant: a probe does what no tool may and answers "refused: …" or "allowed: …"; it is harmless where it succeeds.
"""

from __future__ import annotations

from typing import NamedTuple

_TEMPLATE = """\
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)

def call(name, *arguments):
    if getattr(libc, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)

def attempt():
{body}

def run(args):
    try:
        return 'allowed: %s' % (attempt(),)
    except OSError as error:
        return 'refused: %s' % error
"""


class Probe(NamedTuple):
    """One attempt; `body` is the body of a function that returns, or raises OSError where it was refused."""

    name: str
    body: str

    @property
    def code(self) -> str:
        """The tool's source."""
        return _TEMPLATE.format(body="\n".join(f"    {line}" for line in self.body.splitlines()))


class Promise(NamedTuple):
    """Any of `layers`, patterns (fnmatch) of the names that a reply reports, holds the promise; two hold it twice."""

    name: str
    layers: tuple[str, ...]
    probes: tuple[Probe, ...]


_OWN_DESCRIPTORS = """\
found = []
for number in range(256):
    try:
        os.fstat(number)
    except OSError:
        continue
    found.append(number)
if found == [0, 1, 2, 3]:
    raise OSError('only its own: %s' % found)
return found"""

_ENVIRONMENT = """\
if set(os.environ) <= {'TMPDIR', 'HOME', 'LANG'}:
    raise OSError('only its own: %s' % ', '.join(sorted(os.environ)))
return sorted(os.environ)"""

_CAPABILITIES = """\
header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
call('capget', header, sets)
if not any(sets):
    raise OSError('no capability in any set')
return list(sets)"""

PROMISES: tuple[Promise, ...] = (
    Promise("no file of the host", ("pivot_root", "landlock_abi*"), (
        Probe("read /etc/passwd", "return len(open('/etc/passwd').read())"),
        Probe("list /home", "return os.listdir('/home')"),
        Probe("read another process's environment", "return len(open('/proc/1/environ', 'rb').read())"),
        Probe("read kernel settings", "return os.listdir('/sys')"),
        Probe("open a disk", "return os.open('/dev/sda', os.O_RDONLY)"),
    )),
    Promise("nothing to write but the scratch directory", ("pivot_root", "landlock_abi*"), (
        Probe("write to /", "return open('/probe', 'w')"),
        Probe("write to the standard library", "return open(os.path.dirname(os.__file__) + '/probe.py', 'w')"),
        Probe("write to shared memory", "return open('/dev/shm/probe', 'w')"),
    )),
    Promise("no network", ("net_ns", "seccomp", "landlock_abi*"), (
        Probe("connect to loopback", "return socket.create_connection(('127.0.0.1', 9), 1)"),
        Probe("an IPv4 datagram", "return socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('127.0.0.1', 9))"),
        Probe("a netlink socket", "return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)"),
        Probe("an abstract socket", "return socket.socket(socket.AF_UNIX).bind('\\\\0probe')"),
        Probe("a virtual machine's socket", "return socket.socket(40, socket.SOCK_STREAM)"),
    )),
    Promise("no other process to start, see or signal", ("worker_pid_ns", "seccomp"), (
        Probe("fork", "return os.fork() or os._exit(0)"),
        Probe("start a program", "return os.posix_spawn('/bin/true', ['true'], {})"),
        Probe("signal the parent", "return os.kill(os.getppid() or 2, 0)"),
        Probe("trace", "return call('ptrace', 16, 1, 0, 0)"),
        Probe("read another's memory", "return call('process_vm_readv', 1, None, 0, None, 0, 0)"),
    )),
    Promise("nothing of the host's in memory, descriptors or environment", ("descriptors",), (
        Probe("environment variables", _ENVIRONMENT),
        Probe("open descriptors", _OWN_DESCRIPTORS),
    )),
    Promise("no privilege to have or to gain", ("identity", "no_new_privs", "seccomp"), (
        Probe("capabilities", _CAPABILITIES),
        Probe("become root", "return call('setresuid', 0, 0, 0) if os.getuid() else os.setuid(1)"),
        Probe("new namespaces", "return call('unshare', 0x10000000)"),
        Probe("mount", "return call('mount', b'none', b'.', b'tmpfs', 0, None)"),
    )),
    Promise("no part of the kernel that a tool does not need", ("seccomp",), (
        Probe("io_uring", "return call('syscall', 425, 1, None)"),
        Probe("memfd", "return call('memfd_create', b'probe', 0)"),
        Probe("bpf", "return call('syscall', 321 if os.uname().machine == 'x86_64' else 280, 0, None, 0)"),
        Probe("keyrings", "return call('syscall', 250 if os.uname().machine == 'x86_64' else 219, 0, -3, 0)"),
        Probe("userfaultfd", "return call('syscall', 323 if os.uname().machine == 'x86_64' else 282, 0)"),
    )),
)  # fmt: skip

# Layers that hold nothing which another does not hold too, but better; what is missing without them.
BETTER: tuple[tuple[str, str], ...] = (
    ("pivot_root", "names and attributes of the host's files can be asked for (stat), not their content"),
    ("worker_pid_ns", "the number of another process can be told to be in use"),
    ("landlock_*", "files have one lock, the mounts"),
    ("own_uid|worker_user_ns", "workers share a uid, and threads are bounded by memory alone"),
    ("memory_cgroup_*", "page tables and pipes are watched or bounded by other limits"),
    ("scratch", "the scratch directory has no quota in the kernel: a watchdog looks at it"),
)
