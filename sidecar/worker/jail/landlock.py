"""Landlock: file access by allow-list, no TCP, no signals and no abstract sockets out of the worker. landlock(7).

The second lock on files beside the mounts, and where nothing can be mounted the first. Every right that the running
kernel's ABI knows is handled, so that what is not granted here is denied; a kernel without Landlock is reported as
such, never taken as success. What Landlock does not govern is the names and attributes of files (stat(2), chmod(2)).
"""

import errno
import os
import struct
from typing import List, Tuple

from . import libc
from .policy import LayerError, Policy

_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1
# The kernel has none, it is switched off, or a container's profile refuses it.
_ABSENT = (errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM)

_EXECUTE = 1 << 0
_WRITE_FILE = 1 << 1
_READ_FILE = 1 << 2
_READ_DIR = 1 << 3
_REMOVE_DIR = 1 << 4
_MAKE_DIR = 1 << 7
_REFER = 1 << 13
_TRUNCATE = 1 << 14
_IOCTL_DEV = 1 << 15
_ABI_1_RIGHTS = (1 << 13) - 1
_MAKE_DEVICES = 1 << 6 | 1 << 11  # MAKE_CHAR, MAKE_BLOCK

_NET_BIND_AND_CONNECT_TCP = 0b11
_SCOPE_ABSTRACT_UNIX_AND_SIGNAL = 0b11

_LOG_SAME_EXEC_OFF = 1

_FIX = (
    "boot a kernel 6.2 or newer with landlock in its lsm= list; in a container, use a profile that allows landlock(7)"
)

_ABI_REFER, _ABI_TRUNCATE, _ABI_NET, _ABI_IOCTL, _ABI_SCOPE, _ABI_LOG = 2, 3, 4, 5, 6, 7


def abi() -> int:
    """The running kernel's Landlock ABI, 0 where it cannot be had."""
    try:
        return libc.system_call("landlock_create_ruleset", None, 0, _CREATE_RULESET_VERSION)
    except OSError as error:
        if error.errno in _ABSENT:
            return 0
        raise


def enter_for_zygote(policy: Policy, version: int) -> Tuple[str, ...]:
    """Where there is no tree of our own: restrict the zygote, and so each worker, to the files that they need.

    A directory with a mask in it is allowed entry by entry, so that what is masked is not. LayerError below ABI 3,
    which is the first that knows truncation.
    """
    if version < _ABI_TRUNCATE:
        found = "this kernel offers ABI %d of Landlock, 3 is needed" % version if version else "this kernel has none"
        raise LayerError("landlock", found, _FIX)
    try:
        _restrict_zygote(policy, version)
    except OSError as error:
        raise LayerError("landlock", str(error), _FIX) from None
    return ("landlock_tree",)


class Rules:
    """What is the same for each worker, so that the zygote can make a ruleset of it before each fork. OSError."""

    def __init__(self, policy: Policy, version: int) -> None:
        self._version = version
        self._handled = _file_rights(version)
        readable = [(path, _READ_FILE | _READ_DIR) for path in policy.directories]
        readable += [(path, _READ_FILE) for path in policy.files]
        readable += [(path, _READ_FILE | _WRITE_FILE) for path in policy.devices]
        # struct landlock_path_beneath_attr is packed: u64, then s32.
        self._rules = [struct.pack("=Qi", rights, os.open(path, os.O_PATH | os.O_CLOEXEC)) for path, rights in readable]

    def ruleset(self) -> int:
        """A new one with these rules, for one worker: its descriptor."""
        ruleset = _create_ruleset(self._version, self._handled)
        libc.add_landlock_rules(ruleset, _RULE_PATH_BENEATH, self._rules)
        return ruleset

    def apply(self, ruleset: int, scratch: str) -> Tuple[str, ...]:
        """In the worker: restrict this thread, and so all that it starts, to the rules and its scratch directory."""
        _allow(ruleset, scratch, _scratch_rights(self._handled))
        _restrict(ruleset, self._version)
        return ("landlock_abi%d" % self._version,)


def _restrict_zygote(policy: Policy, version: int) -> None:
    handled = _file_rights(version)
    ruleset = _create_ruleset(version, handled)
    for path in policy.directories:
        _allow_unmasked(ruleset, path, policy.masks)
    _allow_files(ruleset, policy)
    _allow(ruleset, policy.scratch_root, _scratch_rights(handled))
    # What the zygote alone does, and each worker's own layer forbids: remove the root, and join a cgroup.
    _allow(ruleset, os.path.dirname(policy.scratch_root), _REMOVE_DIR)
    if policy.cgroup:
        _allow(ruleset, policy.cgroup, _MAKE_DIR | _WRITE_FILE)
    _restrict(ruleset, version)


def _allow_files(ruleset: int, policy: Policy) -> None:
    for path in policy.files:
        _allow(ruleset, path, _READ_FILE)
    for path in policy.devices:
        _allow(ruleset, path, _READ_FILE | _WRITE_FILE)


def _allow_unmasked(ruleset: int, directory: str, masks: List[str]) -> None:
    if not any(mask.startswith(directory + os.sep) for mask in masks):
        _allow(ruleset, directory, _READ_FILE | _READ_DIR)
        return
    # An import lists the directory; this lets a tool list what is masked too, not read it.
    _allow(ruleset, directory, _READ_DIR)
    for entry in os.scandir(directory):
        if entry.path in masks:
            continue
        if entry.is_dir():
            _allow_unmasked(ruleset, entry.path, masks)
        else:
            _allow(ruleset, entry.path, _READ_FILE)


def _scratch_rights(handled: int) -> int:
    return handled & ~(_EXECUTE | _MAKE_DEVICES | _IOCTL_DEV)


def _restrict(ruleset: int, version: int) -> None:
    # Denials are answers to the tool; logging them would let it flood the host's audit log.
    libc.system_call("landlock_restrict_self", ruleset, _LOG_SAME_EXEC_OFF if version >= _ABI_LOG else 0)
    os.close(ruleset)


def _file_rights(version: int) -> int:
    rights = _ABI_1_RIGHTS
    for since, right in ((_ABI_REFER, _REFER), (_ABI_TRUNCATE, _TRUNCATE), (_ABI_IOCTL, _IOCTL_DEV)):
        if version >= since:
            rights |= right
    return rights


def _create_ruleset(version: int, handled: int) -> int:
    words: List[int] = [handled]
    if version >= _ABI_NET:
        words.append(_NET_BIND_AND_CONNECT_TCP)
    if version >= _ABI_SCOPE:
        words.append(_SCOPE_ABSTRACT_UNIX_AND_SIGNAL)
    attributes = struct.pack("=%dQ" % len(words), *words)
    return libc.system_call("landlock_create_ruleset", attributes, len(attributes), 0)


def _allow(ruleset: int, path: str, rights: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        # struct landlock_path_beneath_attr is packed: u64, then s32.
        rule = struct.pack("=Qi", rights, descriptor)
        libc.system_call("landlock_add_rule", ruleset, _RULE_PATH_BENEATH, rule, 0)
    finally:
        os.close(descriptor)
