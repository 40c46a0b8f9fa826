"""Distributions over classes, side by side for train and test or for other groups."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import polars as pl

from core.eda.parts.session_table import FILE
from core.eda.parts.split import group_colour, group_column, group_labels
from core.eda.parts.theme import Figure, Hover, finished, share_axis
from core.schema import ROLES

_MAX_BARS = 2
"""Bars per class; more groups are lines."""


def draw_by_file(
    data: pl.DataFrame, description: str, count: str, *, title: str, labels: Sequence[str], whole: str, class_name: str
) -> Figure:
    """Draw one bar per (class, file), or per (class, group); one line per group if there are many.

    Args:
        data: one row per (class, file) with the columns file, label, share (0 to 1) and `count`. If sessions are
            grouped, the column `group` replaces `file`.
        count: name of the column of counts.
        title: title of the class axis.
        labels: labels of all classes, in order.
        whole: what the shares are shares of, for the axis title.
        class_name: title of the label in the hover text.
    """
    column = group_column(data)
    groups = list(ROLES) if column == FILE else group_labels(data)
    base = alt.Chart(data).encode(
        x=alt.X("label:N", title=title, sort=list(labels), axis=alt.Axis(labelAngle=0, labelOverlap=True)),
        y=alt.Y("share:Q", title=f"share of {whole}", axis=share_axis()),
        color=group_colour(column, groups),
        tooltip=[*Hover.texts(column, label=class_name), *Hover.counts(count), *Hover.shares("share")],
    )
    if len(groups) > _MAX_BARS:
        return finished(base.mark_line(point={"size": 28, "filled": True}, strokeWidth=2), description)
    return finished(base.encode(xOffset=alt.XOffset(f"{column}:N", sort=groups)).mark_bar(), description)
