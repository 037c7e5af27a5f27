"""Compiled code is loaded by an interpreter with the same bytecode, and by no other."""

from __future__ import annotations

import marshal

import pytest

from sidecar.worker import compiled

CODE = compile("answer = 42", "<tool>", "exec")


def test_what_was_dumped_is_loaded() -> None:
    loaded = compiled.load(compiled.dump(compiled.of(CODE)))
    assert loaded is not None
    assert loaded.code == CODE


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"f",
        b"fXXXX" + marshal.dumps(CODE),
        b"f" + marshal.dumps(CODE),
        compiled.dump(compiled.of(CODE))[:20],
        compiled.dump(compiled.of(CODE))[:5] + marshal.dumps("text"),
    ],
    ids=["nothing", "a mark", "another bytecode", "no bytecode's number", "cut", "no code"],
)
def test_what_is_no_code_of_this_interpreter_is_left_to_the_source(data: bytes) -> None:
    assert compiled.load(data) is None
