"""A plot of a few series in text: a row each, a column for each stretch of time, its height for the stretch's peak."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH = 72
_HEIGHTS = " ▁▂▃▄▅▆▇█"


def plot(series: Mapping[str, Sequence[float]], width: int = WIDTH) -> str:
    """Return the rows, each with its name, its least and its greatest value; every column is drawn from zero."""
    named = max(map(len, series), default=0)
    return "\n".join(
        f"{name:<{named}}  {_row(values, width)}  {min(values):,.1f} to {max(values):,.1f}"
        for name, values in series.items()
        if values
    )


def _row(values: Sequence[float], width: int) -> str:
    columns = min(width, len(values))
    peaks = [
        max(values[index * len(values) // columns : (index + 1) * len(values) // columns]) for index in range(columns)
    ]
    top = max(peaks) or 1.0
    return "".join(_HEIGHTS[round(peak / top * (len(_HEIGHTS) - 1))] for peak in peaks)
