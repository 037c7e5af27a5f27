"""The list of known differences means what it says."""

from __future__ import annotations

import differences
import pytest


def one(line: str) -> differences.Known:
    (known,) = differences.read(f"[A reason]\n{line}\n")
    return known


def test_a_line_stands_below_its_reason() -> None:
    known = differences.read("# what this is\n\n[One]\njson  a\n\n[Another]\ncsv  b\n")
    assert [(line.reason, line.module, line.tests) for line in known] == [("One", "json", "a"), ("Another", "csv", "b")]


@pytest.mark.parametrize("text", ["json  a", "[One]\njson", "[One]\njson  a  always", "[One]\njson  a  ~[", "[One"])
def test_a_line_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a heading"):
        differences.read(text)


@pytest.mark.parametrize(
    ("versions", "concerned"),
    [
        ("", ["3.8", "3.10", "3.13"]),
        ("3.10-", ["3.10", "3.13"]),
        ("-3.10", ["3.8", "3.10"]),
        ("3.9-3.12", ["3.10"]),
        ("3.10-3.10", ["3.10"]),
    ],
)
def test_a_line_concerns_the_versions_that_it_names(versions: str, concerned: list[str]) -> None:
    known = one(f"json  *  {versions}")
    every = {"3.8": (3, 8, 18), "3.10": (3, 10, 13), "3.13": (3, 13, 0)}
    assert [minor for minor, version in every.items() if known.concerns("json", version)] == concerned


def test_a_line_concerns_the_modules_that_match() -> None:
    known = one("asyncio.*  *")
    assert known.concerns("asyncio.test_events", (3, 13, 0))
    assert not known.concerns("json", (3, 13, 0))


def test_a_line_names_the_tests_that_match() -> None:
    assert one("json  *.test_a").names("Class.test_a")
    assert not one("json  *.test_a").names("Class.test_ab")


def test_a_line_explains_only_what_says_so() -> None:
    known = one("*  *  ~ Errno (1|2)\\b")
    assert known.explains("one line\nOSError: [Errno 2] no")
    assert not known.explains("OSError: [Errno 22] no")
    assert one("json  *").explains("whatever it says")


def test_a_mark_says_that_a_test_never_ends() -> None:
    assert one("!json  *").endless
    assert not one("json  *").endless
