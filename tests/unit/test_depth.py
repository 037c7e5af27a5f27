"""How deep JSON nests, told from its text as if it had been parsed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.worker.depth import is_deeper_than

_texts = st.text(alphabet='[]{}"\\ax', max_size=8)
_values = st.recursive(
    st.none() | st.integers(0, 9) | _texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=60,
)


def depth_of(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


@settings(database=None, deadline=None, max_examples=500)
@given(_values, st.sampled_from([0, 1, 2, 3, 5, 16, 17, 30]), st.integers(0, 40), st.booleans())
def test_it_is_what_parsing_would_tell(value: Any, levels: int, wrapped: int, in_objects: bool) -> None:  # noqa: FBT001 - a parameter of the test
    for _ in range(wrapped):
        value = {"[": value} if in_objects else [value, "]"]
    for ensure_ascii in (True, False):
        data = json.dumps(value, ensure_ascii=ensure_ascii).encode()
        assert is_deeper_than(levels, data) == (depth_of(value) > levels)


@pytest.mark.parametrize("levels", [16, 128, 200])
@pytest.mark.parametrize("filling", [b"", b'"]]]]",', b'"\\"]]]]\\\\",', b"{},[],"])
def test_the_limit_is_exact_whatever_lies_between(levels: int, filling: bytes) -> None:
    for depth in (levels, levels + 1):
        data = (b"[" + filling) * depth + b"0" + b"]" * depth
        innermost = depth + (1 if b"{}" in filling else 0)
        assert is_deeper_than(levels, data) == (innermost > levels)
