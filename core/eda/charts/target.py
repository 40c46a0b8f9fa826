"""How session values are distributed, on a logarithmic axis."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.base.amounts import value_text
from core.base.text import percent
from core.dataset import Dataset
from core.eda.parts import picking
from core.eda.parts.histogram import draw_histogram, draw_shares, log_histogram, log_shares, top_phrase
from core.eda.parts.sentences import NO_VALUES
from core.eda.parts.session_table import FILE
from core.eda.parts.split import GROUP, all_groups, group_column, group_sentence
from core.eda.parts.theme import Figure
from core.schema import COMPOSITE, ROLE, SESSION, TRAIN_ROLE, UNIT, VALUE

TITLE = "How much are sessions worth?"
SPLITS = ("users", "category", "purchase")
PICK = picking.value_span("low")


def sorted_values(dataset: Dataset) -> NDArray[np.float64]:
    """Return the known values of the train sessions in ascending order; a session of several users counts once."""
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


def frame(dataset: Dataset, by: pl.DataFrame | None = None) -> pl.DataFrame:
    """Count sessions by value on a logarithmic scale; one row per bin, empty if no session has a value.

    Args:
        by: groups that are compared, see `core.eda.parts.split.group_units`. Sessions of several users are then left
            out, and the columns are those of `core.eda.parts.histogram.log_shares`.

    Returns:
        low, high: ends of the bin. Values of 0 count in the lowest bin.
        sessions: number of sessions.
        median: median value; the same in every row.
        top_share: share of the total value in the top 1% of the sessions (at least one); the same in every row.
    """
    if by is None:
        return log_histogram(sorted_values(dataset), "sessions")
    valued = dataset.units().filter(pl.col(ROLE) == TRAIN_ROLE, pl.col(VALUE).is_not_null(), ~pl.col(COMPOSITE))
    rows = valued.select(UNIT, VALUE).join(by.lazy(), on=UNIT).collect()
    groups = all_groups(by)
    return log_shares({group: rows.filter(pl.col(GROUP) == group).get_column(VALUE).to_numpy() for group in groups})


def finding(data: pl.DataFrame) -> str:
    """State the median value and the share of the top 1% of the sessions."""
    if data.is_empty():
        return NO_VALUES
    if group_column(data) != FILE:
        medians = data.select(GROUP, "median").unique(maintain_order=True)
        return group_sentence("The median value", {group: value_text(median) for group, median in medians.iter_rows()})
    row = data.row(0, named=True)
    top = top_phrase(int(data.get_column("sessions").sum()), "session", "hold")
    return (
        f"Half of the sessions are worth at most {value_text(row['median'])}; {top} {percent(row['top_share'])} of the "
        "total value."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw the histogram with a logarithmic value axis."""
    description = f"Histogram of session values. {finding(data)}"
    if group_column(data) != FILE:
        return draw_shares(data, description, title="session value")
    return draw_histogram(data, description, title="session value", count="sessions", log=True)
