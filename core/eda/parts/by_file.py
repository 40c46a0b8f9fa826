"""Bars of train and test beside each other: how what each file has is spread over classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from core.eda.parts.theme import file_scale
from core.schema import ROLES


def by_file(
    data: pl.DataFrame, title: str, labels: Sequence[str], *, of: str, tooltip: str, counted: str = "sessions"
) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """A bar a class and file.

    Args:
        data: file, label (of the class), share, and how many by the name `counted`.
        title: of the axis of the classes.
        labels: of all classes, in their order.
        of: what the shares are shares of.
        tooltip: what a class is called there.
        counted: what is counted.
    """
    return (
        alt.Chart(data)
        .mark_bar()
        .encode(
            x=alt.X("label:N", title=title, sort=list(labels), axis=alt.Axis(labelAngle=0, labelOverlap=True)),
            xOffset=alt.XOffset("file:N", sort=list(ROLES)),
            y=alt.Y("share:Q", title=f"share of {of}", axis=alt.Axis(format="%", tickCount=5)),
            color=alt.Color("file:N", scale=file_scale()),
            tooltip=[
                "file:N",
                alt.Tooltip("label:N", title=tooltip),
                alt.Tooltip(f"{counted}:Q", format=","),
                alt.Tooltip("share:Q", format=".1%"),
            ],
        )
    )
