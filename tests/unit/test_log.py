"""The log: one JSON object a line, nothing secret, never in the way."""

from __future__ import annotations

import json
import logging
import os

import pytest

from sidecar.log import JsonLines, RunLog
from sidecar.record import RunRecord


def written(record: logging.LogRecord) -> dict[str, object]:
    read_fd, write_fd = os.pipe()
    try:
        JsonLines(write_fd).emit(record)
        os.close(write_fd)
        with open(read_fd, "rb", closefd=False) as pipe:
            (line,) = pipe.read().splitlines()
    finally:
        os.close(read_fd)
    found: dict[str, object] = json.loads(line)
    return found


def record(message: str, **extra: object) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "n", "levelname": "INFO", "msg": message, **extra})


def test_a_line_is_one_object_with_its_fields() -> None:
    line = written(record("two\nlines \ud800", fields={"method": "run"}))
    assert line["event"] == "two\nlines \ud800"
    assert (line["level"], line["logger"], line["method"]) == ("info", "n", "run")


def test_an_exception_is_its_type_and_place_and_not_its_text() -> None:
    try:
        raise ValueError("s3cret")
    except ValueError as error:
        line = written(record("failed", exc_info=(ValueError, error, error.__traceback__)))
    assert line["error"] == "ValueError"
    assert "test_log.py" in str(line["at"])
    assert "s3cret" not in json.dumps(line)


def test_a_line_that_would_not_fit_is_shortened() -> None:
    assert len(json.dumps(written(record("%" + "x" * 100_000, fields={"a": "y" * 100_000})))) < 4096


def test_a_full_pipe_costs_lines_and_no_time() -> None:
    read_fd, write_fd = os.pipe()
    handler = JsonLines(write_fd)
    for _ in range(2000):
        handler.emit(record("x" * 1000))
    os.close(read_fd)
    handler.emit(record("nobody reads"))
    os.close(write_fd)


def test_below_its_level_a_run_is_not_even_described(caplog: pytest.LogCaptureFixture) -> None:
    class Untouched(RunRecord):
        def __getattribute__(self, name: str) -> object:
            raise AssertionError(f"{name} was read")

    ended = Untouched("run", None, "ok", 1.0)
    with caplog.at_level(logging.WARNING):
        RunLog().run_ended(ended)
    assert caplog.records == []
    with caplog.at_level(logging.INFO), pytest.raises(AssertionError, match="was read"):
        RunLog().run_ended(ended)
