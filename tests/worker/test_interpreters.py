from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import harness

if TYPE_CHECKING:
    from collections.abc import Callable


def test_the_worker_tests_name_the_versions_that_they_ran_on(
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    versions = [one.minor for one in harness.supported()]
    record_testsuite_property("interpreters", ", ".join(versions))
    assert versions, "no CPython was found, not even the one that runs this"
    assert len(set(versions)) == len(versions), "one interpreter for each minor version"
    assert f"{sys.version_info[0]}.{sys.version_info[1]}" in versions


def test_a_tool_runs_on_the_interpreter_that_was_asked_for(
    tools: harness.ToolRunner, interpreter: harness.Found
) -> None:
    data = tools.run("import sys\ndef run(args): return list(sys.version_info[:3])").data
    assert tuple(data) == interpreter.version


def test_a_tool_finds_neither_site_packages_nor_the_worker_on_its_path(tools: harness.ToolRunner) -> None:
    code = """
        import sys
        def run(args):
            return {"path": sys.path, "ours": [name for name in sys.modules if "pyrunner" in name or "sidecar" in name]}
    """
    data = tools.run(code).data
    assert data["ours"] == []
    assert not [path for path in data["path"] if "site-packages" in path or "worker" in path]


def test_each_reply_names_the_layers_that_were_in_force(tools: harness.ToolRunner) -> None:
    isolation = tools.run("def run(args): return None").isolation
    assert isolation.level == "strict"
    assert {"pivot_root", "scratch", "rlimits", "identity", "no_new_privs", "seccomp"} <= set(isolation.layers)
