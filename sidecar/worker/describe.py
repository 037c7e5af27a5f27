"""Run by path in any interpreter: prints, as one JSON object, what a jail has to show of it. Syntax that 2.7 can parse.

The shared libraries are found by asking the dynamic loader: every extension module of the standard library is mapped
(not initialised), and the process's own memory map then names each file that came with it, RPATHs and all.
"""

import json
import os
import sys
import sysconfig

_ALIASES = ("/lib", "/lib32", "/lib64", "/libx32")
# Needs a screen, and would bring a toolkit's hundred libraries along.
_LEFT_OUT = ("_tkinter",)
_LAZY_LIBRARIES = ("libgcc_s.so.1",)  # loaded by the C library when a thread exits


def describe():
    """The interpreter's executable, version, and the directories, files and links that it needs."""
    stdlib = sysconfig.get_path("stdlib")
    platstdlib = sysconfig.get_path("platstdlib")
    extensions = sysconfig.get_config_var("DESTSHARED") or os.path.join(platstdlib, "lib-dynload")
    directories = {}  # type: dict[str, str]
    for path in [stdlib, platstdlib, extensions] + _zone_directories():
        if os.path.isdir(path) and not any(path == known or path.startswith(known + os.sep) for known in directories):
            directories[path] = os.path.realpath(path)
    libraries = _libraries(extensions, directories)
    masks = [os.path.join(path, name) for path in directories for name in ("site-packages", "dist-packages")]
    return {
        "executable": os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable),
        "version": list(sys.version_info[:3]),
        "implementation": sys.implementation.name if hasattr(sys, "implementation") else "cpython",
        "directories": directories,
        "files": libraries,
        "links": _links(libraries),
        "masks": [path for path in masks if os.path.isdir(path)],
    }


def _zone_directories():
    try:
        from zoneinfo import TZPATH  # novm: guarded
    except ImportError:
        TZPATH = ("/usr/share/zoneinfo",)
    return [path for path in TZPATH if os.path.isdir(path)]


def _libraries(extensions, directories):
    import ctypes

    names = sorted(os.listdir(extensions)) if os.path.isdir(extensions) else []
    modules = [
        os.path.join(extensions, name) for name in names if ".so" in name and name.split(".")[0] not in _LEFT_OUT
    ]
    for library in modules + list(_LAZY_LIBRARIES):
        try:
            ctypes.CDLL(library)
        except OSError:
            pass  # an extension whose library is missing cannot be imported outside the jail either
    mapped = set()
    with open("/proc/self/maps") as maps:
        for line in maps:
            fields = line.rstrip("\n").split(None, 5)
            if len(fields) == 6 and ".so" in os.path.basename(fields[5]):
                mapped.add(fields[5])
    shown = tuple(real + os.sep for real in directories.values())
    return sorted(path for path in mapped if os.path.isfile(path) and not path.startswith(shown))


def _links(libraries):
    links = dict((alias, os.readlink(alias)) for alias in _ALIASES if os.path.islink(alias))
    real = set(libraries)
    home = next((os.path.dirname(path) for path in libraries if os.path.basename(path).startswith("libc.")), None)
    for directory in sorted(set(os.path.dirname(path) for path in libraries)):
        for name in os.listdir(directory):
            link = os.path.join(directory, name)
            target = os.path.realpath(link) if os.path.islink(link) else link
            if target not in real:
                continue
            if link != target:
                links[link] = target
            # Without ld.so.cache the loader looks in its built-in directories only: the C library's is one of them.
            if home and directory != home:
                links.setdefault(os.path.join(home, name), target)
    return links


if __name__ == "__main__":
    json.dump(describe(), sys.stdout)
