"""Bars of train and test side by side, for distributions over classes."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import polars as pl

from core.eda.parts.theme import Figure, Hover, file_scale, finished, share_axis
from core.schema import ROLES


def draw_by_file(
    data: pl.DataFrame, description: str, count: str, *, title: str, labels: Sequence[str], whole: str, class_name: str
) -> Figure:
    """Draw one bar per (class, file).

    Args:
        data: one row per (class, file): file, label, share (0 to 1) and a column of counts.
        count: name of the column of counts.
        title: title of the class axis.
        labels: labels of all classes, in order.
        whole: what the shares are shares of, for the axis title.
        class_name: title of the label in the hover text.
    """
    base = alt.Chart(data).encode(
        x=alt.X("label:N", title=title, sort=list(labels), axis=alt.Axis(labelAngle=0, labelOverlap=True)),
        xOffset=alt.XOffset("file:N", sort=list(ROLES)),
        y=alt.Y("share:Q", title=f"share of {whole}", axis=share_axis()),
        color=alt.Color("file:N", scale=file_scale()),
        tooltip=[*Hover.texts("file", label=class_name), *Hover.counts(count), *Hover.shares("share")],
    )
    return finished(base.mark_bar(), description)
