"""How session values are distributed, on a linear axis."""

from __future__ import annotations

import numpy as np
import polars as pl

from core.base.text import number
from core.dataset import Dataset
from core.eda.charts.target import sorted_values
from core.eda.parts.histogram import draw_histogram, linear_histogram
from core.eda.parts.sentences import NO_VALUES
from core.eda.parts.theme import Figure, finished

TITLE = "How far do values spread on a linear scale?"
_SHOWN = 0.99
"""Share of the sessions on the axis; the top 1% would squeeze all others into a corner."""


def frame(dataset: Dataset) -> pl.DataFrame:
    """Count sessions by value in bins of equal width; one row per bin, empty if no session has a value.

    Returns:
        low, high: Ends of the bin, from 0 to the 99th percentile, in value units.
        sessions: Number of sessions.
        upto, mean, spread, all_low, all_high, most: 99th percentile, mean, standard deviation, quartiles and maximum
            of all values; the same in every row.
    """
    values = sorted_values(dataset)
    statistics = dict.fromkeys(("upto", "mean", "spread", "all_low", "all_high", "most"), 0.0)
    if len(values):
        low, high = np.quantile(values, [0.25, 0.75])
        upto = np.quantile(values, _SHOWN, method="inverted_cdf")
        numbers = (upto, values.mean(), values.std(), low, high, values[-1])
        statistics = dict(zip(statistics, map(float, numbers), strict=True))
    bins = linear_histogram(values, statistics["upto"], "sessions")
    return bins.with_columns(pl.lit(value, pl.Float64).alias(name) for name, value in statistics.items())


def finding(data: pl.DataFrame) -> str:
    """Compare the largest value with the average and the middle half."""
    if data.is_empty():
        return NO_VALUES
    row = data.row(0, named=True)
    return (
        f"The average session is worth {number(row['mean'])} (standard deviation {number(row['spread'])}), the middle "
        f"half {number(row['all_low'])} to {number(row['all_high'])}, and the top session {number(row['most'])}; the "
        f"chart stops at the 99th percentile, {number(row['upto'])}."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw the histogram with a linear value axis."""
    chart = draw_histogram(data, "session value", "sessions", log=False)
    return finished(chart, f"Histogram of session values on a linear scale. {finding(data)}")
