from __future__ import annotations

import re

import pytest

from sidecar.attacks import corpus
from sidecar.attacks.corpus import MalformedCase, parse
from sidecar.attacks.judgement import judge
from sidecar.attacks.layers import FIXED, HOME, NAMES, PARTS, removable, standing
from sidecar.worker import wire
from sidecar.worker.jail.policy import REMOVABLE

PRELUDES = {"attempts": "import os\n", "system_calls": "import ctypes\n"}
CASE = "=== X001 an-attack [mounts landlock] (system calls)\nexpects: refused timeout\ntimeout_ms: 50\nnote: why\n"
CODE = "def run(args):\n    return 'refused'\n"
FIRST_HOME = ("pid_ns", "worker_mount_ns", "pivot_root", "memory_cgroup_v2", "rlimits", "identity", "landlock_abi5")


def test_a_case_has_its_heading_its_fields_and_its_code_behind_what_stands_before_it() -> None:
    (case,) = parse({"example": CASE + CODE}, PRELUDES)
    assert (case.number, case.id, case.category, case.name) == (
        "X001", "an-attack", "example", "X001-example-an-attack",
    )  # fmt: skip
    assert case.layers == ("mounts", "landlock")
    assert case.expects == ("refused", "timeout")
    assert (case.timeout_ms, case.note, case.by_number) == (50, "why", True)
    assert re.sub(r"\n+", "\n", case.code) == "import os\nimport ctypes\n" + CODE


def test_a_case_that_says_nothing_else_is_held_when_it_is_refused() -> None:
    (case,) = parse({"example": "=== X001 an-attack [fork]\n" + CODE}, PRELUDES)
    assert (case.expects, case.timeout_ms, case.note, case.by_number) == (("refused",), 10_000, "", False)


MALFORMED = {
    "no number": "=== an-attack [fork]\n" + CODE,
    "a number of two digits": "=== X01 an-attack [fork]\n" + CODE,
    "no layers": "=== X001 an-attack\n" + CODE,
    "no layer in the brackets": "=== X001 an-attack []\n" + CODE,
    "a layer that there is not": "=== X001 an-attack [magic]\n" + CODE,
    "a layer twice": "=== X001 an-attack [fork fork]\n" + CODE,
    "an id in capitals": "=== X001 An-Attack [fork]\n" + CODE,
    "a mark that stands for nothing": "=== X001 an-attack [fork] (magic)\n" + CODE,
    "something after the heading": "=== X001 an-attack [fork] and more\n" + CODE,
    "a heading of two signs only": "== X001 an-attack [fork]\n" + CODE,
    "a heading of four signs": "==== X001 an-attack [fork]\n" + CODE,
    "something before the first heading": "# a comment\n=== X001 an-attack [fork]\n" + CODE,
    "nothing at all": "",
    "no code": "=== X001 an-attack [fork]\n",
    "code without an entry point": "=== X001 an-attack [fork]\npass\n",
    "a timeout in words": "=== X001 an-attack [fork]\ntimeout_ms: soon\n" + CODE,
    "an outcome that cannot be": "=== X001 an-attack [fork]\nexpects: Refused!\n" + CODE,
    "a field twice": "=== X001 an-attack [fork]\nnote: a\nnote: b\n" + CODE,
    "a number twice": f"=== X001 an-attack [fork]\n{CODE}\n=== X001 another [fork]\n{CODE}",
    "an id twice": f"=== X001 an-attack [fork]\n{CODE}\n=== X002 an-attack [fork]\n{CODE}",
    "two letters in one file": f"=== X001 an-attack [fork]\n{CODE}\n=== Y001 another [fork]\n{CODE}",
    "never, without the reason": "=== X001 an-attack [seccomp never]\n" + CODE,
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_what_is_malformed_is_an_error_that_names_the_file(text: str) -> None:
    with pytest.raises(MalformedCase, match=r"example\.txt|used twice"):
        parse({"example": text}, PRELUDES)


def test_a_letter_belongs_to_one_file() -> None:
    text = "=== X00{} attack-{} [fork]\n" + CODE
    with pytest.raises(MalformedCase, match="the letter belongs to one"):
        parse({"one": text.format(1, 1), "two": text.format(2, 2)}, PRELUDES)


def test_the_corpus_is_whole() -> None:
    cases = corpus.cases()
    assert len(cases) >= 400
    assert {case.category for case in cases} >= {
        "files", "proc", "descriptors", "network", "processes", "privileges", "memory", "cpu", "disk", "output",
        "protocol", "covert", "kernel", "interpreter", "persistence", "denial",
    }  # fmt: skip
    assert {layer for case in cases for layer in case.layers} == NAMES


def test_what_a_case_expects_is_an_outcome_that_a_reply_can_have() -> None:
    codes = {
        "timeout", "memory_limit", "output_limit", "crashed", "exited", "tool_error", "result_too_large",
        "not_serializable",
    }  # fmt: skip
    assert {one for case in corpus.cases() for one in case.expects} == {"refused", "truncated", *codes}


def test_the_words_of_the_wire_are_those_that_the_worker_uses() -> None:
    prelude = (corpus.FOLDER / "frames.py").read_text(encoding="utf-8")
    assert f'RESULT, FAILURE = b"\\x{wire.RESULT:02x}", b"\\x{wire.FAILURE:02x}"' in prelude


def test_a_part_of_a_layer_goes_with_the_layer() -> None:
    assert PARTS.keys().isdisjoint(REMOVABLE)
    assert set(PARTS.values()) <= REMOVABLE
    assert removable(("own_uid", "landlock_abi6", "seccomp", "fork", HOME)) == {"identity", "landlock", "seccomp"}


def test_what_stands_is_read_from_the_report_of_a_worker() -> None:
    assert standing(("mounts", "cgroup", "seccomp", "landlock_abi4", "landlock_abi6"), FIRST_HOME) == {
        "mounts", "cgroup", "landlock_abi4",
    }  # fmt: skip
    assert standing(("own_uid", "threads"), FIRST_HOME) == frozenset()
    assert standing(("own_uid", "threads"), (*FIRST_HOME, "own_uid")) == {"own_uid", "threads"}
    assert standing(("never", "fork"), ()) == {"fork"}
    assert standing((HOME, "seccomp"), ()) == frozenset()
    assert HOME in FIXED
    assert standing((HOME,), ()) == {HOME}


@pytest.mark.parametrize(
    ("expects", "result", "truncated", "verdict"),
    [
        ("refused", {"ok": True, "data": "refused: no"}, False, "held"),
        ("refused", {"ok": True, "data": "refused"}, True, "held"),
        ("refused", {"ok": True, "data": "escaped: yes"}, False, "escaped"),
        ("refused", {"ok": True, "data": "the search is broken"}, False, "escaped"),
        ("refused", {"ok": True, "data": None}, False, "escaped"),
        ("refused", {"ok": True, "data": "absent: no such device"}, False, "not applicable"),
        ("refused", {"ok": False, "error": {"code": "timeout", "message": "late"}}, False, "escaped"),
        ("timeout", {"ok": False, "error": {"code": "timeout", "message": "late"}}, False, "held"),
        ("timeout", {"ok": True, "data": "refused: no"}, False, "escaped"),
        ("truncated", {"ok": True, "data": "refused: cut"}, True, "held"),
        ("truncated", {"ok": True, "data": "refused: cut"}, False, "escaped"),
        ("truncated", {"ok": True, "data": "escaped: cut"}, True, "escaped"),
        ("crashed exited", {"ok": False, "error": {"code": "exited", "message": "m"}}, False, "held"),
    ],
)
def test_only_what_a_case_expects_is_held(
    expects: str, result: dict[str, object], truncated: object, verdict: str
) -> None:
    (case,) = parse({"example": f"=== X001 an-attack [fork]\nexpects: {expects}\n{CODE}"}, PRELUDES)
    assert judge(case, result, truncated=bool(truncated)).verdict == verdict


def test_an_attack_that_breaks_down_has_not_succeeded() -> None:
    (case,) = parse({"example": "=== X001 an-attack [fork]\n" + CODE}, PRELUDES)
    assert judge(case, {"data": "escaped: it read it"}, truncated=False).is_success
    assert not judge(case, {"data": "a mistake"}, truncated=False).is_success
    assert not judge(case, {"error": {"code": "crashed", "message": "m"}}, truncated=False).is_success
