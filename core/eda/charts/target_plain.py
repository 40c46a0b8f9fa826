"""How session values are distributed, on a linear axis."""

from __future__ import annotations

import numpy as np
import polars as pl

from core.base.amounts import value_text
from core.base.text import span
from core.dataset import Dataset
from core.eda.charts.target import sorted_values
from core.eda.parts.histogram import draw_histogram, linear_histogram
from core.eda.parts.sentences import NO_VALUES
from core.eda.parts.theme import Figure

TITLE = "How far do values spread on a linear scale?"
_SHOWN = 0.99
"""Share of the sessions that are shown; an axis with the top 1% would leave little space for all others."""
_STATISTICS = ("upto", "mean", "spread", "all_low", "all_high", "most")


def frame(dataset: Dataset) -> pl.DataFrame:
    """Count sessions by value in bins of equal width; one row per bin, empty if no session has a value.

    Returns:
        low, high: ends of the bin, from 0 to the 99th percentile.
        sessions: number of sessions.
        upto, mean, spread, all_low, all_high, most: 99th percentile, average, standard deviation, first and third
            quartile and maximum of all values; the same in every row.
    """
    values = sorted_values(dataset)
    statistics = dict.fromkeys(_STATISTICS, 0.0)
    if len(values):
        upto = np.quantile(values, _SHOWN, method="inverted_cdf")
        numbers = (upto, values.mean(), values.std(), *np.quantile(values, [0.25, 0.75]), values[-1])
        statistics = dict(zip(_STATISTICS, map(float, numbers), strict=True))
    bins = linear_histogram(values, statistics["upto"], "sessions")
    return bins.with_columns(pl.lit(value, pl.Float64).alias(name) for name, value in statistics.items())


def finding(data: pl.DataFrame) -> str:
    """Compare the highest value with the average and the middle half."""
    if data.is_empty():
        return NO_VALUES
    row = data.row(0, named=True)
    return (
        f"The average session is worth {value_text(row['mean'])} (standard deviation {value_text(row['spread'])}), the "
        f"middle half {span(value_text(row['all_low']), value_text(row['all_high']))}, and the top session "
        f"{value_text(row['most'])}; the chart stops at the 99th percentile, {value_text(row['upto'])}."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw the histogram with a linear value axis."""
    description = f"Histogram of session values on a linear scale. {finding(data)}"
    return draw_histogram(data, description, title="session value", count="sessions", log=False)
