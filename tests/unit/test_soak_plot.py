"""The soak's plot: rows of text that show where the peaks are."""

from __future__ import annotations

from soak_plot import plot


def test_a_row_has_a_column_for_each_stretch_and_tells_least_and_greatest() -> None:
    assert plot({"rate": [0, 4, 8]}) == "rate   ▄█  0.0 to 8.0"


def test_a_peak_is_not_lost_where_many_values_share_a_column() -> None:
    (row,) = plot({"p99": [1.0] * 500 + [80.0] + [1.0] * 499}, width=10).splitlines()
    assert row.count("█") == 1
    assert row.endswith("1.0 to 80.0")


def test_rows_are_aligned_and_empty_or_flat_series_do_no_harm() -> None:
    rows = plot({"a": [0.0, 0.0], "long": [2.0], "none": []}).splitlines()
    assert rows == ["a         0.0 to 0.0", "long  █  2.0 to 2.0"]
