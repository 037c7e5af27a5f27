from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness import Found, ToolRunner
from standard_library import WORKS


@pytest.mark.parametrize("name", WORKS)
def test_the_standard_library_works_inside(tools: ToolRunner, name: str) -> None:
    body = WORKS[name].strip("\n")
    indentation = "" if body.startswith("        ") else "        "
    reply = tools.run(f"def run(args):\n{indentation}{body.rstrip()}\n")
    assert reply.data is True


REFUSED = {
    "subprocess.run": "import subprocess\n    subprocess.run(['/bin/true'])",
    "subprocess with a shell": "import subprocess\n    subprocess.run('true', shell=True)",
    "os.popen": "import os\n    os.popen('true').read()",
    "os.spawn": "import os\n    os.spawnv(os.P_WAIT, '/bin/true', ['true'])",
    "multiprocessing.Process": "import multiprocessing as m\n    m.Process(target=print).start()",
    "multiprocessing with spawn": "import multiprocessing as m\n"
    "    m.get_context('spawn').Process(target=print).start()",
    "multiprocessing.Pool": "import multiprocessing as m\n    m.Pool(1)",
    "concurrent.futures processes": "import concurrent.futures as f\n"
    "    f.ProcessPoolExecutor(1).submit(print).result()",
    "pty": "import pty\n    pty.fork()",
}


@pytest.mark.parametrize("name", REFUSED)
def test_starting_a_process_is_an_os_error_of_the_tool(tools: ToolRunner, name: str) -> None:
    error = tools.run(f"def run(args):\n    {REFUSED[name]}").error
    assert error["code"] == "tool_error"
    assert error["type"] in ("PermissionError", "FileNotFoundError", "OSError", "ImportError")


def test_os_system_starts_nothing(tools: ToolRunner) -> None:
    assert tools.run("import os\ndef run(args): return os.system('true')").data != 0


def test_zoneinfo_knows_the_worlds_time_zones(tools: ToolRunner, interpreter: Found) -> None:
    if interpreter.version < (3, 9):
        assert tools.run("import zoneinfo\ndef run(args): pass").error["type"] == "ModuleNotFoundError"
        return
    code = """
        import datetime, zoneinfo
        def run(args):
            moment = datetime.datetime(2024, 7, 1, 12, tzinfo=zoneinfo.ZoneInfo("Europe/Kyiv"))
            return [moment.utcoffset().total_seconds(), len(zoneinfo.available_timezones()) > 100]
    """
    assert tools.run(code).data == [3 * 3600, True]


TYPES_AND_MODULES: dict[str, tuple[str, Any]] = {
    "dataclasses": (
        "import dataclasses\n@dataclasses.dataclass\nclass P:\n  x: int\n"
        "  y: 'list' = dataclasses.field(default_factory=list)\n"
        "def run(args): return dataclasses.asdict(P(1))",
        {"x": 1, "y": []},
    ),
    "dataclasses with postponed annotations": (
        "from __future__ import annotations\nimport dataclasses, typing\n@dataclasses.dataclass\nclass P:\n"
        "  x: int\n  k: typing.ClassVar[int] = 2\ndef run(args): return [f.name for f in dataclasses.fields(P)]",
        ["x"],
    ),
    "typing.get_type_hints": (
        "import typing\nclass P:\n  x: 'Q'\nclass Q: pass\ndef run(args): return typing.get_type_hints(P)['x'] is Q",
        True,
    ),
    "pickle of a class of the tool": (
        "import pickle\nclass P:\n  def __init__(self): self.x = 1\n"
        "def run(args): return pickle.loads(pickle.dumps(P())).x",
        1,
    ),
    "typing.NamedTuple": (
        "import typing\nclass P(typing.NamedTuple):\n  x: int = 3\ndef run(args): return P()._asdict()",
        {"x": 3},
    ),
    "enum": ("import enum\nclass E(enum.Enum):\n  A = 'a'\ndef run(args): return E('a').value", "a"),
    "inspect.getsource": (
        "import inspect\ndef other():\n  return 1\ndef run(args): return inspect.getsource(other)",
        "def other():\n  return 1\n",
    ),
    "sys.modules": ("import sys\nx = 5\ndef run(args): return sys.modules[__name__].x", 5),
    "copyreg and copy": (
        "import copy\nclass P: pass\ndef run(args): return type(copy.deepcopy(P())) is P",
        True,
    ),
    "functools.singledispatch": (
        "import functools\n@functools.singledispatch\ndef f(x): return 'any'\n"
        "@f.register(int)\ndef _(x): return 'int'\n"
        "def run(args): return [f(1), f('')]",
        ["int", "any"],
    ),
    "warnings with a registry": (
        "import warnings\ndef run(args):\n  with warnings.catch_warnings(record=True) as seen:\n"
        "    warnings.simplefilter('always')\n    warnings.warn('w')\n  return len(seen)",
        1,
    ),
}


@pytest.mark.parametrize("name", TYPES_AND_MODULES)
def test_what_looks_the_tools_module_up_by_name_finds_it(tools: ToolRunner, name: str) -> None:
    code, expected = TYPES_AND_MODULES[name]
    assert tools.run(code).data == expected


def test_twenty_threads_fit_into_the_default_memory(tools: ToolRunner) -> None:
    code = """
        import threading
        def run(args):
            gate, blocks = threading.Barrier(21), []
            def job():
                blocks.append(bytearray(1 << 20))
                gate.wait(10)
            threads = [threading.Thread(target=job) for _ in range(20)]
            for thread in threads: thread.start()
            gate.wait(10)
            for thread in threads: thread.join()
            return len(blocks)
    """
    assert tools.run(code, max_memory_mb=256).data == 20
