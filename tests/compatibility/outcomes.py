"""Runs one of CPython's own test modules in this process and tells how each of its tests ended.

The same text is a tool (`run`) and a script, so that the two sides of a comparison differ in the jail alone. The script
takes the JSON of its arguments, and the file to write its answer to. Every Python from 3.8 on can run it.
"""

from __future__ import annotations

import doctest
import fnmatch
import importlib
import json
import os
import socket
import sys
import traceback
import unittest
from pathlib import Path
from typing import Any

# How a test can end, the better ones first.
PASS, SKIP, FAIL = "pass", "skip", "fail"
_ORDER = (PASS, SKIP, FAIL)
_TEXT_MAX_CHARS = 400
_REASONS_MAX_CHARS = 2000
_FRAMES = 3
_NEVER_BEGAN = "it never began"


class Outcomes(unittest.TestResult):
    """What became of each test, by its id: how it ended and why. A test is as bad as the worst of its subtests."""

    def __init__(self, without: list[str]) -> None:
        super().__init__()
        self.ended: dict[str, list[str]] = {}
        self._left_out = without

    def run(self, suite: Any) -> None:
        """Run the tests of `suite`, and tell of those too that never began since what they share failed."""
        _without(suite, self._left_out)
        tests = [_name(test) for test in _flat(suite)]  # a suite forgets its tests as it runs them
        suite.run(self)
        shared = [reason for name, (how, reason) in self.ended.items() if "(" in name and how == FAIL]
        for name in tests:
            self.ended.setdefault(name, [FAIL, "; ".join([_NEVER_BEGAN, *shared])[:_REASONS_MAX_CHARS]])

    def startTest(self, test: Any) -> None:  # noqa: N802 - unittest's name
        super().startTest(test)
        # So that it is known which test never ended.
        os.write(2, _name(test).encode("utf-8", "replace") + b"\n")
        self.note(test, PASS, "")

    def addSkip(self, test: Any, reason: str) -> None:  # noqa: N802 - unittest's names
        self.note(test, SKIP, reason)

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802 - unittest's names
        self.note_exception(test, err)

    def addFailure(self, test: Any, err: Any) -> None:  # noqa: N802 - unittest's names
        self.note_exception(test, err)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: ARG002, N802 - unittest's names
        if err is not None:
            self.note_exception(test, err)

    def addUnexpectedSuccess(self, test: Any) -> None:  # noqa: N802 - unittest's names
        self.note(test, FAIL, "passed, against expectation")

    def note_exception(self, test: Any, error: Any) -> None:
        """Note that `test`, or what has that name, ended by `error`, as sys.exc_info() gives it."""
        kind, value, trace = error
        try:
            text = str(value)
        except Exception:  # noqa: BLE001 - whatever a test has raised
            text = "?"
        if len(text) > _TEXT_MAX_CHARS:
            text = text[: _TEXT_MAX_CHARS // 2] + " ... " + text[-_TEXT_MAX_CHARS // 2 :]
        frames = traceback.extract_tb(trace)
        where = " ".join(f"{Path(frame.filename).name}:{frame.name}" for frame in frames[-_FRAMES:])
        # The line that raised names the function of the operating system that was refused, which has no frame.
        line = frames[-1].line if frames else ""
        self.note(test, FAIL, f"{kind.__name__}: {text} [{where}: {line}]")

    def note(self, test: Any, how: str, reason: str) -> None:
        """Note how `test`, or what has that name, ended; the worst stays, with all that was said of it."""
        name = _name(getattr(test, "__dict__", {}).get("test_case", test))  # a subtest counts as its test
        before = self.ended.get(name, [PASS, ""])
        if how == before[0]:
            reason = "; ".join(filter(None, (before[1], reason)))[:_REASONS_MAX_CHARS]
        if _ORDER.index(how) >= _ORDER.index(before[0]):
            self.ended[name] = [how, reason]


def run(arguments: dict[str, Any]) -> dict[str, list[str]]:
    """Run `module` without the tests whose ids match a pattern of `without`: how each test ended, and why.

    Where the module cannot be loaded or does not get to its end, its own name stands beside them.
    """
    support: Any = importlib.import_module("test.support")
    support.verbose = 0
    support.use_resources = []
    _answer_what_is_asked_on_import(support)
    outcomes = Outcomes(arguments["without"])

    def run_doctest(module: Any, *_: object) -> tuple[int, int]:
        outcomes.run(doctest.DocTestSuite(module))
        return 0, 0

    # Before 3.11, a module says itself what it is made of, and prepares it, and calls these.
    runs_them_itself = hasattr(support, "_run_suite")
    support._run_suite, support.run_doctest = outcomes.run, run_doctest
    try:
        module: Any = _imported(arguments["module"])
        if runs_them_itself and hasattr(module, "test_main"):
            module.test_main()
        else:
            outcomes.run(unittest.defaultTestLoader.loadTestsFromName(arguments["module"]))
    except unittest.SkipTest as skip:
        outcomes.note(arguments["module"], SKIP, str(skip))
    except Exception:  # noqa: BLE001 - whatever a module does wrong, it is told of
        outcomes.note_exception(arguments["module"], sys.exc_info())
    return outcomes.ended


def _answer_what_is_asked_on_import(support: Any) -> None:
    """Some modules find out about their surroundings while they are imported, and take no refusal for an answer."""
    # They would start an interpreter to learn whether one can be started.
    script_helper: Any = importlib.import_module("test.support.script_helper")
    script_helper.__dict__["__cached_interp_requires_environment"] = False
    try:
        socket.socket(socket.AF_UNIX).close()
    except OSError as error:
        try:
            holder: Any = importlib.import_module("test.support.socket_helper")
        except ImportError:  # before 3.9
            holder = support
        holder._bind_nix_socket_error = error


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except KeyError:
        # It has asked who user 0 is, and is prepared for systems that cannot be asked, not for one that does not know.
        sys.modules.update({"pwd": None, "grp": None})  # type: ignore[dict-item]
        return importlib.import_module(name)


def _flat(suite: Any) -> Any:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _flat(test)
        else:
            yield test


def _name(test: Any) -> str:
    return str(test.id() if hasattr(test, "id") else test)


def _without(suite: Any, patterns: list[str]) -> None:
    kept = []
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            _without(test, patterns)
        elif any(fnmatch.fnmatchcase(_name(test), pattern) for pattern in patterns):
            continue
        kept.append(test)
    suite._tests = kept


if __name__ == "__main__":
    answer = run(json.loads(sys.argv[1]))
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="ascii")
    # As a worker ends: threads that a test has left behind are not waited for.
    os._exit(0)
