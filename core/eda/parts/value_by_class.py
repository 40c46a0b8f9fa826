"""Session values by class: quartiles and average, computed and drawn in the same way for every kind of class."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import polars as pl

from core.base.amounts import value_unit
from core.eda.parts.split import GROUP, group_colour, group_labels
from core.eda.parts.theme import FILE_COLOURS, MUTED, Figure, Hover, finished, short_axis
from core.schema import VALUE

SUMMARY_COLUMNS = ("sessions", "mean", "median", "low", "high")


def summarize(sessions: pl.DataFrame, session_class: pl.Expr) -> pl.DataFrame:
    """Summarize session values by class; one row per class, in ascending order.

    Args:
        sessions: rows of the session table that have a value.
        session_class: expression for the class of a session. Its name becomes the first column.

    Returns:
        name of `session_class`: the class.
        sessions: number of sessions.
        mean, median, low, high: average, median, first and third quartile of their values, in value units.
    """
    value = pl.col(VALUE)
    return (
        sessions.group_by(session_class)
        .agg(
            pl.len().cast(pl.Int64).alias("sessions"),
            value.mean().alias("mean"),
            value.median().alias("median"),
            value.quantile(0.25, "linear").alias("low"),
            value.quantile(0.75, "linear").alias("high"),
        )
        .sort(session_class.meta.output_name())
    )


def draw_summary(data: pl.DataFrame, description: str, *, title: str, labels: Sequence[str], class_name: str) -> Figure:
    """Draw a summary: a bar for the middle half, a line for the median and a dot for the average.

    Args:
        data: result of `summarize` with a column label.
        title: title of the class axis.
        labels: labels of all classes, in order.
        class_name: title of the label in the hover text.
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
            *Hover.texts(label=class_name),
            *Hover.counts("sessions"),
            *Hover.amounts(mean="average", median="median", low="first quartile", high="third quartile"),
        ],
    )
    quartiles = base.mark_bar(color=colour, opacity=0.3, width={"band": 0.5}).encode(
        y=alt.Y("low:Q", title=f"session value ({value_unit()})", axis=short_axis(5)), y2="high:Q"
    )
    median = base.mark_tick(color=colour, thickness=2, width={"band": 0.5}).encode(y="median:Q")
    mean = base.mark_point(filled=True, size=45, color=MUTED, opacity=1).encode(y="mean:Q")
    return finished(quartiles + median + mean, description)


def draw_averages(
    data: pl.DataFrame, description: str, *, title: str, labels: Sequence[str], class_name: str
) -> Figure:
    """Draw the average of each class as one line per group.

    Args:
        data: results of `summarize` with the columns label and group.
        title: title of the class axis.
        labels: labels of all classes, in order.
        class_name: title of the label in the hover text.
    """
    base = alt.Chart(data).encode(
        x=alt.X("label:O", title=title, sort=[*labels], axis=alt.Axis(labelAngle=0, labelOverlap=True)),
        y=alt.Y("mean:Q", title=f"average session value ({value_unit()})", axis=short_axis(5)),
        color=group_colour(GROUP, group_labels(data)),
        tooltip=[
            *Hover.texts(GROUP, label=class_name),
            *Hover.counts("sessions"),
            *Hover.amounts(mean="average", median="median"),
        ],
    )
    return finished(base.mark_line(point={"size": 28, "filled": True}, strokeWidth=2), description)
