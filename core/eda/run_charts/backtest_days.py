"""The expected and the actual total value of the test sessions of each day."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.base.amounts import money, value_unit
from core.base.text import count, difference
from core.eda.parts.theme import ACCENT, NEGATIVE, Figure, Hover, finished, short_axis

TITLE = "Did the days turn out as expected?"
NO_ACTUAL_VALUES = "No actual value is known."
_DAY_MS = 24 * 60 * 60 * 1000
_COLOURS = {"expected": ACCENT, "actual": NEGATIVE}


def frame(totals: pl.DataFrame) -> pl.DataFrame:
    """Add to the totals of each day whether the actual one is inside the interval.

    Args:
        totals: output of `core.pipeline.actual_values.daily_totals`.

    Returns:
        The same rows with `inside`: whether the actual total is inside its 90% interval; null without an interval.
    """
    return totals.with_columns(pl.col("actual").is_between("low", "high").alias("inside"))


def finding(data: pl.DataFrame) -> str:
    """Compare the totals of all days, and say on how many days the actual total is inside its interval."""
    if data.is_empty():
        return NO_ACTUAL_VALUES
    expected, actual = (float(data.get_column(name).sum()) for name in ("expected", "actual"))
    compared = difference(actual, expected, equal="") if expected else ""
    than_expected = f"{compared} than expected" if compared else "as expected"
    days = count(data.height, "day")
    text = f"On {days}, the sessions were worth {money(actual)} in total, {than_expected}."
    inside = data.get_column("inside").drop_nulls()
    if not len(inside):
        return f"{text} There are too few train days for intervals."
    return f"{text} The actual total is inside its 90% interval on {int(inside.sum())} of {days}."


def has_intervals(data: pl.DataFrame) -> bool:
    """Return whether any day has an interval."""
    return data.get_column("low").null_count() < data.height


def figure(data: pl.DataFrame) -> Figure:
    """Draw the expected totals with their intervals, and the actual ones."""
    hover = [
        alt.Tooltip("day:T", title="day from", format="%d %b %Y %H:%M"),
        *Hover.counts("sessions"),
        *Hover.amounts("expected", "low", "high", "actual"),
    ]
    base = alt.Chart(data).encode(
        x=alt.X("day:T", title=None, axis=alt.Axis(format="%d %b", tickCount=8, tickMinStep=_DAY_MS)), tooltip=hover
    )
    title, axis = f"total value ({value_unit()})", short_axis(5)
    colours = alt.Scale(domain=list(_COLOURS), range=list(_COLOURS.values()))
    intervals = base.mark_rule(strokeWidth=10, opacity=0.3, color=ACCENT).encode(
        y=alt.Y("low:Q", title=title, axis=axis, scale=alt.Scale(zero=False)), y2="high:Q"
    )
    lines = (
        base.transform_fold(list(_COLOURS), as_=["total", "amount"])
        .mark_line(strokeWidth=2, point={"size": 40, "filled": True})
        .encode(y=alt.Y("amount:Q", title=title, axis=axis), color=alt.Color("total:N", scale=colours))
    )
    return finished(intervals + lines, f"Expected and actual total value by day. {finding(data)}")
