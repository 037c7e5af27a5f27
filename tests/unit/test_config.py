"""Configuration: what the environment may say, and what becomes of what it may not."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config import _LIMIT_VARIABLES, MAX_TIMEOUT_MS, Config, ConfigError, Limits


def test_an_empty_environment_gives_the_documented_defaults() -> None:
    config = Config.from_environ({})
    assert (config.limits.timeout_ms, config.limits.max_memory_mb) == (30_000, 256)
    assert config.python_path == "python3"
    assert config.max_concurrency > 0
    assert config.standby_workers == config.max_concurrency


def test_an_empty_value_counts_as_not_set() -> None:
    variables = [name for name, _low, _high in _LIMIT_VARIABLES.values()]
    assert Config.from_environ(dict.fromkeys([*variables, "PYTHON_PATH", "PYRUNNER_LOG"], "")) == Config.from_environ(
        {}
    )


@pytest.mark.parametrize("field", [field.name for field in fields(Limits)])
def test_every_limit_can_be_set_to_its_bounds_and_no_further(field: str) -> None:
    name, low, high = _LIMIT_VARIABLES[field]
    for value in (low, high):
        assert getattr(Config.from_environ({name: str(value)}).limits, field) == value
    for value in (low - 1, high + 1):
        with pytest.raises(ConfigError, match=name):
            Config.from_environ({name: str(value)})


@pytest.mark.parametrize("value", ["x", "1.5", "1e3", " 5", "5 ", "+5", "1_000", "٣", "0x10", "-1", "0", "9" * 5000])
def test_a_malformed_number_is_an_error_that_names_the_variable(value: str) -> None:
    with pytest.raises(ConfigError, match="PYTHON_TIMEOUT_MS") as caught:
        Config.from_environ({"PYTHON_TIMEOUT_MS": value})
    assert caught.value.variable == "PYTHON_TIMEOUT_MS"


@pytest.mark.parametrize("name", ["PYRUNNER_LOG"])
def test_an_unknown_choice_is_an_error_that_lists_the_known(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}='none'.*one of"):
        Config.from_environ({name: "none"})


def test_an_import_path_is_no_interpreter(tmp_path: object) -> None:
    for value in ("/a:/b", str(tmp_path)):
        with pytest.raises(ConfigError, match="PYTHON_PATH"):
            Config.from_environ({"PYTHON_PATH": value})


@given(st.text())
def test_no_text_becomes_a_limit_out_of_range(value: str) -> None:
    try:
        timeout = Config.from_environ({"PYTHON_TIMEOUT_MS": value}).limits.timeout_ms
    except ConfigError:
        return
    assert 1 <= timeout <= MAX_TIMEOUT_MS
