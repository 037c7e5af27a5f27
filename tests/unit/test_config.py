"""Configuration: what the environment may say, and what becomes of what it may not."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.config import _LIMIT_VARIABLES, MAX_TIMEOUT_MS, Config, ConfigError, Limits


def test_an_empty_environment_gives_the_documented_defaults() -> None:
    config = Config.from_environ({})
    assert (config.limits.timeout_ms, config.limits.max_memory_mb) == (30_000, 256)
    assert config.python_path == "python3"
    assert config.max_concurrency > 0
    assert config.standby_workers == config.max_concurrency < config.standby_workers_max


def test_a_number_of_standby_workers_that_is_named_is_kept_to_in_a_rush() -> None:
    config = Config.from_environ({"PYRUNNER_STANDBY_WORKERS": "3"})
    assert config.standby_workers_max <= config.standby_workers == 3


def test_a_rush_on_many_cores_brings_a_bounded_number_of_workers() -> None:
    config = Config.from_environ({"PYRUNNER_MAX_CONCURRENCY": "256"})
    assert config.standby_workers_max == 256 + 32


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


_NAMES = [
    *(name for name, _low, _high in _LIMIT_VARIABLES.values()),
    "PYTHON_PATH", "PYRUNNER_MAX_CONCURRENCY", "PYRUNNER_MAX_QUEUE", "PYRUNNER_MEMORY_BUDGET_MB", "PYRUNNER_DRAIN_MS",
    "PYRUNNER_STANDBY_WORKERS", "PYRUNNER_MAX_MESSAGE_BYTES", "PYRUNNER_MIN_ISOLATION", "PYRUNNER_CGROUP",
    "PYRUNNER_SCRATCH_DIR", "PYRUNNER_CODE_CACHE_DIR", "PYRUNNER_CODE_CACHE_MAX_MB", "PYRUNNER_LOG",
]  # fmt: skip
_values = st.one_of(
    st.text(max_size=10), st.integers(-(2**70), 2**70).map(str), st.sampled_from(["", "info", "/", "off"])
)


def _read(environ: dict[str, str]) -> Config | ConfigError:
    try:
        return Config.from_environ(environ)
    except ConfigError as error:
        return error


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(_NAMES), _values))
def test_any_environment_is_a_configuration_within_bounds_or_an_error_that_names_a_variable(
    environ: dict[str, str],
) -> None:
    config = _read(environ)
    if isinstance(config, ConfigError):
        assert config.variable in environ
        assert str(config).startswith(f"{config.variable}=")
        return
    for field, (_name, low, high) in _LIMIT_VARIABLES.items():
        assert low <= getattr(config.limits, field) <= high
    assert config.memory_budget_mb >= config.limits.max_memory_mb
    assert min(config.max_concurrency, config.max_queue, config.standby_workers) > 0
    assert config.log_level in ("warning", "debug", "info", "error")
