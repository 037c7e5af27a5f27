from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import harness
import pytest

from sidecar.attacks import command, corpus, report
from sidecar.attacks.judgement import Finding
from sidecar.attacks.stage import Stage
from sidecar.runner.outcome import Isolation

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parent.parent.parent


def attack(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sidecar", "attack", *arguments], cwd=ROOT, env={**os.environ, "COLUMNS": "100"},
        capture_output=True, text=True, check=False, timeout=harness.PATIENCE_S,
    )  # fmt: skip


def test_a_run_prints_a_table_and_the_layers_in_force_and_ends_with_0() -> None:
    ended = attack("--only", "S01*", "--only", "privileges")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    lines = ended.stdout.splitlines()
    count = sum(case.category == "privileges" for case in corpus.cases())
    assert f"privileges  {count:>4}        0               0" in lines
    assert f"all         {count + 10:>4}        0               0" in lines
    assert lines[2].startswith("in force  strict: ")
    assert "WARNING" not in ended.stdout
    assert "\x1b" not in ended.stdout
    assert ended.stderr == ""


def test_what_escapes_without_a_layer_is_named_and_the_end_is_1() -> None:
    ended = attack("--only", "V002", "--only", "V011", "--without", "seccomp")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "WARNING   left out on request: seccomp" in ended.stdout
    assert "  V002-covert-inotify [seccomp] escaped: inotify_init1 answered" in ended.stdout
    assert "covert       0        2               0" in ended.stdout


def test_the_report_for_programs_is_one_json_object() -> None:
    ended = attack("--json", "--only", "V002", "--without", "seccomp", "--without", "landlock")
    assert ended.returncode == 1, ended.stderr
    found = json.loads(ended.stdout)
    assert found["without"] == ["landlock", "seccomp"]
    assert found["counts"] == {"held": 0, "escaped": 1, "not applicable": 0}
    assert "seccomp" not in found["isolation"]["layers"]
    (case,) = found["cases"]
    assert (case["number"], case["id"], case["layers"]) == ("V002", "inotify", ["seccomp"])


def test_an_attack_that_would_be_unsafe_with_nothing_in_its_way_is_not_tried() -> None:
    ended = attack("--json", "--only", "U036", "--without", "seccomp", "--without", "identity")
    (case,) = json.loads(ended.stdout)["cases"]
    assert case["verdict"] == "not applicable"
    assert ended.returncode == 0


def test_the_list_names_every_attack_and_runs_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--list"], {}) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [case.name for case in corpus.cases()]
    assert command.main(["--list", "--only", "fork"], {}) == 0
    assert capsys.readouterr().out.split() == ["S001-processes-fork", "seccomp", "refused"]


@pytest.mark.parametrize("arguments", [["--only", "nothing-of-the-kind"], ["--without", "luck"], ["more"]])
def test_what_cannot_be_meant_ends_with_2(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code: object = command.main(arguments, {})
    except SystemExit as error:
        code = error.code
    assert code == 2
    assert arguments[-1] in capsys.readouterr().err


def test_a_configuration_that_is_no_good_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--only", "S001"], {"PYTHON_TIMEOUT_MS": "soon"}) == 2
    assert "PYTHON_TIMEOUT_MS" in capsys.readouterr().err


def test_an_interpreter_that_is_not_there_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--only", "S001", "--json"], {"PYTHON_PATH": "/nowhere/python"}) == 1
    assert "/nowhere/python" in capsys.readouterr().err


def test_what_an_attack_says_cannot_write_to_the_terminal() -> None:
    case = corpus.cases()[0]
    text = report.render([Finding(case, "escaped", "escaped: \x1b[2J\nheld")], Isolation("strict", ("x",)), (), 80)
    assert "\x1b" not in text
    assert "escaped: ?[2J?held" in text


def test_what_is_put_up_for_the_attacks_is_gone_at_the_end() -> None:
    with Stage() as stage:
        told = stage.args()
        directory = Path(told["directory"])
        victim = os.pidfd_open(told["pid"])
        assert {"file", "private", "socket"} <= {path.name for path in directory.iterdir()}
        assert stage.secret not in json.dumps(told)
    assert not directory.exists()
    with pytest.raises(ProcessLookupError):
        signal.pidfd_send_signal(victim, 0)
    os.close(victim)
