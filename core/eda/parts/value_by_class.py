"""Session values by class: quartiles and average, computed and drawn in the same way for every kind of class."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import polars as pl

from core.eda.parts.theme import FILE_COLOURS, MUTED, Figure
from core.schema import VALUE, VALUE_UNIT

SUMMARY_COLUMNS = ("sessions", "mean", "median", "low", "high")


def summarize(sessions: pl.DataFrame, group: pl.Expr) -> pl.DataFrame:
    """Summarize session values by class; one row per class, in ascending order.

    Args:
        sessions: Rows of the session table; those without a value are left out.
        group: Class of a session. Its name becomes the first column.

    Returns:
        The class, then sessions (count), mean, median, low and high (first and third quartile), in value units.
    """
    value = pl.col(VALUE)
    return (
        sessions.filter(value.is_not_null())
        .group_by(group)
        .agg(
            pl.len().cast(pl.Int64).alias("sessions"),
            value.mean().alias("mean"),
            value.median().alias("median"),
            value.quantile(0.25).alias("low"),
            value.quantile(0.75).alias("high"),
        )
        .sort(group.meta.output_name())
    )


def draw_summary(data: pl.DataFrame, title: str, labels: Sequence[str], *, tooltip: str) -> Figure:
    """Draw a summary: a bar for the middle half, a line for the median and a dot for the average.

    Args:
        data: Result of `summarize` with a column label.
        labels: Labels of all classes, in order.
        tooltip: Name of a class in the hover text.
    """
    colour = FILE_COLOURS["train"]
    base = alt.Chart(data).encode(
        x=alt.X(
            "label:N",
            title=[title, "bar: middle half of the values, line: median, dot: average"],
            sort=[*labels],
            axis=alt.Axis(labelAngle=0),
        ),
        tooltip=[
            alt.Tooltip("label:N", title=tooltip),
            alt.Tooltip("sessions:Q", format=","),
            alt.Tooltip("mean:Q", title="average", format=",.3~r"),
            alt.Tooltip("median:Q", format=",.3~r"),
            alt.Tooltip("low:Q", title="first quartile", format=",.3~r"),
            alt.Tooltip("high:Q", title="third quartile", format=",.3~r"),
        ],
    )
    quartiles = base.mark_bar(color=colour, opacity=0.3, width={"band": 0.5}).encode(
        y=alt.Y("low:Q", title=f"session value ({VALUE_UNIT})", axis=alt.Axis(tickCount=5)), y2="high:Q"
    )
    median = base.mark_tick(color=colour, thickness=2, width={"band": 0.5}).encode(y="median:Q")
    mean = base.mark_point(filled=True, size=45, color=MUTED, opacity=1).encode(y="mean:Q")
    chart: Figure = quartiles + median + mean
    return chart
