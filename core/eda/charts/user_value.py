"""What users bring over all of their sessions."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from core.base.text import number, percent
from core.eda.parts.histogram import bars, on_log_scale, top_share, top_words
from core.eda.parts.theme import finished
from core.schema import USER, VALUE

TITLE = "How much does a user bring?"


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """Histogram on a log scale of the sum of values of each train user who has one: low, high (value units), users; and
    the same in every row median and top_share (share of all value that the most valuable 1 % of the users, one at
    least, bring). `sessions` is the session table.
    """
    sums = sessions.select(USER, VALUE).drop_nulls().group_by(USER).agg(pl.col(VALUE).sum())
    values = sums.get_column(VALUE).sort().to_numpy()
    median = float(np.median(values)) if len(values) else None
    return on_log_scale(values, "users").with_columns(
        pl.lit(median, pl.Float64).alias("median"), pl.lit(top_share(values)).alias("top_share")
    )


def finding(data: pl.DataFrame) -> str:
    """What the usual user and the best ones bring, in a sentence."""
    if data.is_empty():
        return "No train user here has a session with a value."
    row = data.row(0, named=True)
    best = top_words(int(data.get_column("users").sum()), "user", "bring")
    return (
        f"Half of the train users bring at most {number(row['median'])} over their sessions; {best} "
        f"{percent(row['top_share'])} of all value."
    )


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw the histogram; the value axis is logarithmic."""
    chart = bars(data, "value of all sessions of a user", "users", log=True)
    return finished(chart, f"Users by what they bring. {finding(data)}")
