"""How session values are distributed, on a logarithmic axis."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.base.text import number, percent
from core.dataset import Dataset
from core.eda.parts import picking
from core.eda.parts.histogram import draw_histogram, log_histogram, top_phrase, top_share
from core.eda.parts.sentences import NO_VALUES
from core.eda.parts.theme import Figure, finished
from core.schema import ROLE, SESSION, TRAIN_ROLE, VALUE

TITLE = "How much are sessions worth?"
PICK = picking.value_span("low")


def sorted_values(dataset: Dataset) -> NDArray[np.float64]:
    """Return the known values of train, one per session, in ascending order."""
    return (
        dataset.units()
        .filter((pl.col(ROLE) == TRAIN_ROLE) & pl.col(VALUE).is_not_null())
        .group_by(SESSION)
        .agg(pl.col(VALUE).first())
        .select(pl.col(VALUE).sort())
        .collect()
        .get_column(VALUE)
        .to_numpy()
    )


def frame(dataset: Dataset) -> pl.DataFrame:
    """Count sessions by value on a logarithmic scale; one row per bin, empty if no session has a value.

    Returns:
        low, high: Ends of the bin, in value units. Values of 0 count in the lowest bin.
        sessions: Number of sessions.
        median: Median value; the same in every row.
        top_share: Share of the total value in the top 1% of the sessions (at least one); the same in every row.
    """
    values = sorted_values(dataset)
    median = float(np.median(values)) if len(values) else None
    return log_histogram(values, "sessions").with_columns(
        pl.lit(median, pl.Float64).alias("median"), pl.lit(top_share(values), pl.Float64).alias("top_share")
    )


def finding(data: pl.DataFrame) -> str:
    """State the median value and what the top 1% of the sessions hold."""
    if data.is_empty():
        return NO_VALUES
    row = data.row(0, named=True)
    top = top_phrase(int(data.get_column("sessions").sum()), "session", "hold")
    return (
        f"Half of the sessions are worth at most {number(row['median'])}; {top} {percent(row['top_share'])} of the "
        "total value."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw the histogram with a logarithmic value axis."""
    chart = draw_histogram(data, "session value", "sessions", log=True)
    return finished(chart, f"Histogram of session values. {finding(data)}")
