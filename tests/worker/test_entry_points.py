from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness import ToolRunner


@pytest.mark.parametrize(
    "code",
    [
        "def run(args): return args['n'] + 1",
        "def default(args): return args['n'] + 1",
        "async def run(args): return args['n'] + 1",
        "async def default(args): return args['n'] + 1",
        "run = lambda args: args['n'] + 1",
        "def default(args): return 0\ndef run(args): return args['n'] + 1",
        "async def default(args): return 0\nasync def run(args): return args['n'] + 1",
        "run = None\ndef default(args): return args['n'] + 1",
        "class Tool:\n  def __call__(self, args): return args['n'] + 1\nrun = Tool()",
        "class Tool:\n  def run(self, args): return args['n'] + 1\nrun = Tool().run",
        "import functools\ndef f(k, args): return args['n'] + k\nrun = functools.partial(f, 1)",
        "def run(args, extra=1): return args['n'] + extra",
        "def run(*args, **kw): return args[0]['n'] + 1",
        "if True:\n  def run(args): return args['n'] + 1",
        "import json as run\ndel run\ndef run(args): return args['n'] + 1",
        "import asyncio\nasync def inner(args):\n  await asyncio.sleep(0)\n  return args['n'] + 1\n"
        "def run(args): return inner(args)",
        "class Later:\n  def __init__(self, n): self.n = n\n  def __await__(self):\n    yield\n    return self.n + 1\n"
        "def run(args): return Later(args['n'])",
    ],
)
def test_whatever_can_be_called_with_the_arguments_is_called(tools: ToolRunner, code: str) -> None:
    assert tools.run(code, {"n": 41}).data == 42


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("", "neither run nor default"),
        ("x = 1", "neither run nor default"),
        ("def Run(args): return 1", "neither run nor default"),
        ("run = 5", "run is not a function"),
        ("default = 'text'", "default is not a function"),
        ("run = None\ndefault = 1", "is not a function"),
        ("class Tool:\n  def run(self, args): return 1", "neither run nor default"),
        ("if __name__ == '__main__':\n  def run(args): return 1", "neither run nor default"),
        ("def run(args): return 1\ndel run", "neither run nor default"),
    ],
)
def test_code_without_anything_to_call_has_no_entry_point(tools: ToolRunner, code: str, word: str) -> None:
    error = tools.run(code).error
    assert error["code"] == "no_entry_point"
    assert word in error["message"]
    assert "def run(args)" in error["hint"]


def test_the_module_is_not_main_and_knows_its_name(tools: ToolRunner) -> None:
    code = "import sys\ndef run(args): return [__name__, __name__ in sys.modules, run.__module__ == __name__]"
    name, listed, same = tools.run(code).data
    assert name != "__main__"
    assert (listed, same) == (True, True)


def test_code_behind_a_main_guard_does_not_run(tools: ToolRunner) -> None:
    code = "def run(args): return 1\nif __name__ == '__main__':\n    raise SystemExit('ran')"
    assert tools.run(code).data == 1


def test_an_awaited_tool_may_start_tasks_and_leave_them_behind(tools: ToolRunner) -> None:
    code = """
        import asyncio
        async def forever():
            while True: await asyncio.sleep(3600)
        async def run(args):
            asyncio.ensure_future(forever())
            return await asyncio.gather(*(asyncio.sleep(0, n) for n in range(5)))
    """
    assert tools.run(code).data == [0, 1, 2, 3, 4]


def test_an_awaited_tool_has_a_running_loop(tools: ToolRunner) -> None:
    code = "import asyncio\nasync def run(args): return asyncio.get_event_loop().is_running()"
    assert tools.run(code).data is True


def test_a_plain_tool_may_run_a_loop_of_its_own(tools: ToolRunner) -> None:
    code = "import asyncio\nasync def main(): return 7\ndef run(args): return asyncio.run(main())"
    assert tools.run(code).data == 7


def test_a_generator_function_is_not_serializable_and_told_so(tools: ToolRunner) -> None:
    error = tools.run("def run(args):\n    yield 1").error
    assert error["code"] == "not_serializable"
    assert "list(value)" in error["message"]


def test_an_entry_point_may_be_a_class_that_builds_the_result(tools: ToolRunner) -> None:
    assert tools.run("class run(dict):\n  def __init__(self, args): super().__init__(n=args['n'])", {"n": 1}).data == {
        "n": 1
    }
