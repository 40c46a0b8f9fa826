"""Bars of train and test side by side, for distributions over classes."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import polars as pl

from core.eda.parts.theme import Figure, file_scale, share_axis
from core.schema import ROLES


def draw_by_file(
    data: pl.DataFrame, title: str, labels: Sequence[str], *, whole: str, tooltip: str, count: str = "sessions"
) -> Figure:
    """Draw one bar per class and file.

    Args:
        data: One row per class and file: file, label, share (0 to 1) and the column `count`.
        labels: Labels of all classes, in order.
        whole: What the shares are shares of, for the axis title.
        tooltip: Name of a class in the hover text.
    """
    chart: Figure = (
        alt.Chart(data)
        .mark_bar()
        .encode(
            x=alt.X("label:N", title=title, sort=list(labels), axis=alt.Axis(labelAngle=0, labelOverlap=True)),
            xOffset=alt.XOffset("file:N", sort=list(ROLES)),
            y=alt.Y("share:Q", title=f"share of {whole}", axis=share_axis()),
            color=alt.Color("file:N", scale=file_scale()),
            tooltip=[
                "file:N",
                alt.Tooltip("label:N", title=tooltip),
                alt.Tooltip(f"{count}:Q", format=","),
                alt.Tooltip("share:Q", format=".1%"),
            ],
        )
    )
    return chart
