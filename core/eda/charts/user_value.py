"""The total value of each user's sessions."""

from __future__ import annotations

import polars as pl

from core.base.amounts import value_text
from core.base.text import percent
from core.eda.parts.histogram import draw_histogram, log_histogram, top_phrase
from core.eda.parts.theme import Figure
from core.schema import USER, VALUE

TITLE = "How much are users worth?"


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """Count train users by the sum of their session values, on a logarithmic scale; one row per bin.

    Users without a valued session are left out.

    Returns:
        low, high: ends of the bin. Sums of 0 count in the lowest bin.
        users: number of users.
        median: median sum; the same in every row.
        top_share: share of the total value in the top 1% of the users (at least one); the same in every row.
    """
    by_user = sessions.select(USER, VALUE).drop_nulls().group_by(USER).agg(pl.col(VALUE).sum())
    return log_histogram(by_user.get_column(VALUE).sort().to_numpy(), "users")


def finding(data: pl.DataFrame) -> str:
    """State the median sum per user and the share of the top 1% of the users."""
    if data.is_empty():
        return "No train user has a session with a known value."
    row = data.row(0, named=True)
    top = top_phrase(int(data.get_column("users").sum()), "user", "hold")
    return (
        f"Half of the train users are worth at most {value_text(row['median'])} over all their sessions; {top} "
        f"{percent(row['top_share'])} of the total value."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw the histogram with a logarithmic value axis."""
    description = f"Users by total value. {finding(data)}"
    return draw_histogram(data, description, title="total value per user", count="users", log=True)
