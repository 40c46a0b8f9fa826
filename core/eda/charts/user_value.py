"""The total value of each user's sessions."""

from __future__ import annotations

import numpy as np
import polars as pl

from core.base.text import number, percent
from core.eda.parts.histogram import draw_histogram, log_histogram, top_phrase, top_share
from core.eda.parts.theme import Figure, finished
from core.schema import USER, VALUE

TITLE = "How much are users worth?"


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """Count train users by the sum of their session values, on a logarithmic scale; one row per bin.

    Args:
        sessions: The session table; users without a valued session are left out.

    Returns:
        low, high: Ends of the bin, in value units.
        users: Number of users.
        median: Median sum; the same in every row.
        top_share: Share of the total value in the top 1% of the users (at least one); the same in every row.
    """
    by_user = sessions.select(USER, VALUE).drop_nulls().group_by(USER).agg(pl.col(VALUE).sum())
    values = by_user.get_column(VALUE).sort().to_numpy()
    median = float(np.median(values)) if len(values) else None
    return log_histogram(values, "users").with_columns(
        pl.lit(median, pl.Float64).alias("median"), pl.lit(top_share(values), pl.Float64).alias("top_share")
    )


def finding(data: pl.DataFrame) -> str:
    """State the median total per user and what the top 1% of the users hold."""
    if data.is_empty():
        return "No train user has a session with a known value."
    row = data.row(0, named=True)
    top = top_phrase(int(data.get_column("users").sum()), "user", "hold")
    return (
        f"Half of the train users are worth at most {number(row['median'])} over all their sessions; {top} "
        f"{percent(row['top_share'])} of the total value."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw the histogram with a logarithmic value axis."""
    chart = draw_histogram(data, "total value per user", "users", log=True)
    return finished(chart, f"Users by total value. {finding(data)}")
